import { displayText } from '../../playbooks/domain/path-name.js';
import { boardOf } from '../../playbooks/step.js';

/** What a step found out, in one line; empty when there is nothing to say. Facts that do not parse are left out. */
export function factText(facts: Readonly<Record<string, unknown>>): string {
  const { node, containers, changes, processes, artifacts, lookups } = boardOf([facts]);
  const parts = [
    node === undefined ? '' : `node ${displayText(node.name)}`,
    containers === undefined ? '' : `${containers.length} running: ${containers.map(({ name }) => displayText(name)).join(', ')}`,
    processes === undefined ? '' : processText(processes),
    changes === undefined ? '' : `${changes.count} paths: ${changes.added} added, ${changes.changed} changed, ${changes.deleted} deleted`,
    artifacts === undefined
      ? ''
      : `${artifacts.count} files, ${bytes(artifacts.bytes)}, ${artifacts.known} known before${artifacts.left === 0 ? '' : `, ${artifacts.left} left on the node`}`,
    lookups === undefined ? '' : counts(lookups.counts),
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function processText({ count, fileless, executables }: { count: number; fileless: number; executables: number }): string {
  return `${count} ${count === 1 ? 'process' : 'processes'} of ${executables} ${executables === 1 ? 'program' : 'programs'}${fileless === 0 ? '' : `, ${fileless} without a file`}`;
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
