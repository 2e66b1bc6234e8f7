import { type Case, file } from './case.js';
import { inVolume, ours } from './volumes.js';

const holding = (how: string, text: string) => `hostile churn ${how} f "${text}" >/dev/null 2>&1 & sleep 0.2`;

/** Files that somebody holds a lease on: who does not wait never gets them, and who does must not be held up for long. */
export const leases: readonly Case[] = [
  { name: 'a lease, in the root file system', plant: holding('lease', 'root'), rows: [file('added', 'f', 'root')] },
  {
    name: 'a lease that is taken again, in the root file system',
    plant: holding('lease-again', 'root again'),
    rows: [file('added', 'f', 'root again')],
  },
  ...ours.map((mount) => inVolume(mount, 'a lease', holding('lease', mount), [file('present', 'f', mount)])),
  // In /dev, which only the container has mounted, nobody would get it.
  ...ours
    .filter((mount) => mount !== '/dev')
    .map((mount) => {
      const text = `${mount} again`;
      return inVolume(mount, 'a lease that is taken again', holding('lease-again', text), [file('present', 'f', text)]);
    }),
];
