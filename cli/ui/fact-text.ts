import { displayText } from '../../playbooks/domain/path-name.js';
import { boardOf } from '../../playbooks/step.js';

/** What a step found out, in one line; empty when there is nothing to say. Facts that do not parse are left out. */
export function factText(facts: Readonly<Record<string, unknown>>): string {
  const { node, containers, changes, artifacts, lookups } = boardOf([facts]);
  const parts = [
    node === undefined ? '' : `node ${displayText(node.name)}`,
    containers === undefined ? '' : `${containers.length} running: ${containers.map(({ name }) => displayText(name)).join(', ')}`,
    changes === undefined ? '' : `${changes.count} paths: ${changes.added} added, ${changes.changed} changed, ${changes.deleted} deleted`,
    artifacts === undefined ? '' : `${artifacts.count} files, ${bytes(artifacts.bytes)}, ${artifacts.known} known before`,
    lookups === undefined ? '' : counts(lookups.counts),
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function counts(byStatus: Readonly<Record<string, number>>): string {
  return Object.entries(byStatus)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${displayText(status)}`)
    .join(', ');
}

/** A size for people. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}
