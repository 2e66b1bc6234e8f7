import { expect, it } from 'vitest';
import { keysOf } from '../../../store/keys.js';
import { queueNames } from '../../../store/queue-names.js';

/** Every name that is built, of an id where it is built of any. */
function namesOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'function') return namesOf((value as (...words: string[]) => unknown)('id-1', 'other'));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(namesOf) : [];
}

/** What BullMQ keeps of a queue, beside a HASH for each job under its id. */
const ofQueues = [
  'active',
  'completed',
  'delayed',
  'events',
  'failed',
  'id',
  'limiter',
  'marker',
  'meta',
  'pc',
  'prioritized',
  'repeat',
  'stalled',
  'wait',
];

it('has no name that BullMQ has for a job or a list of a queue', () => {
  const { prefix, ...keys } = keysOf('{test}');
  const names = Object.values(keys).flatMap(namesOf);
  expect(names.length).toBeGreaterThan(40);
  const taken = new Set(queueNames(['some']).flatMap((queue) => ['id-1', ...ofQueues].map((each) => `${prefix}:${queue}:${each}`)));
  expect(names.filter((name) => taken.has(name))).toEqual([]);
});
