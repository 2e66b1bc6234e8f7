import type { Gap } from '../../domain/run.js';
import type { NodeContainer } from '../../facts.js';
import type { Survey } from './process-survey.js';

/**
 * A process can make a mount namespace of its own (unshare(2)) and mount what neither the container nor the node has: what lies there was not
 * looked at. One gap for each namespace that has a file system beyond those of the container's init process.
 */
export function foreignMounts({ mounts, devices }: Pick<Survey, 'mounts' | 'devices'>, owners: ReadonlyMap<number, NodeContainer>): Gap[] {
  const seen = new Set<string>();
  const gaps: Gap[] = [];
  for (const [pid, container] of owners) {
    const space = mounts.get(String(pid));
    const home = mounts.get(String(container.pid ?? ''));
    if (space === undefined || space === home || seen.has(space)) continue;
    seen.add(space);
    const known = devices.get(home ?? '');
    const theirs = devices.get(space);
    if (known !== undefined && theirs !== undefined && [...theirs].every((device) => known.has(device))) continue;
    const detail = 'it has a mount namespace of its own; what is mounted there alone was not looked at';
    gaps.push({ subject: `${container.name}: process ${pid}`, reason: 'mount-namespace', detail });
  }
  return gaps;
}
