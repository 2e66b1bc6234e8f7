import { maxContainers, maxFactBytes, type NodeContainer, type PodContainer } from '../../facts.js';
import type { StepContext } from '../../ports.js';

/** Of JSON: what frames the list takes the rest. */
const room = maxFactBytes - 4 * 1024;

/**
 * As many containers as one fact can hold, in the order given. A pod can have more, and its images so many layers that their names fill it:
 * running containers come before ended ones then, and each that is left out is a gap.
 */
export function fittingContainers<T extends NodeContainer | PodContainer>(containers: readonly T[], ctx: Pick<StepContext, 'gap'>): T[] {
  const kept = new Set<T>();
  let bytes = 0;
  for (const container of [...containers].sort((a, b) => rank(a) - rank(b))) {
    const size = Buffer.byteLength(JSON.stringify(container)) + 1;
    if (kept.size < maxContainers && bytes + size <= room) {
      kept.add(container);
      bytes += size;
    } else {
      const detail = 'the pod has more containers, or more layers and mounts, than one run can hold; triage this container by a run of its own';
      ctx.gap({ subject: `container ${container.name} (${container.instance} instance)`, reason: 'limit-exceeded', detail });
    }
  }
  return containers.filter((container) => kept.has(container));
}

function rank({ state }: NodeContainer | PodContainer): number {
  return state === 'running' ? 0 : 1;
}
