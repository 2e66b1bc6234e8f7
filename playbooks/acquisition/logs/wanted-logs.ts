import type { Facts, PodContainer } from '../../facts.js';

/** One file of a container's log: kubelet starts a new one with each instance and names it by the number of restarts. */
export interface WantedLog {
  readonly container: string;
  readonly instance: PodContainer['instance'];
  /** Relative to the pod's folder, e.g. `web/0.log`. */
  readonly file: string;
}

/** Kubernetes' own rule for names of containers (RFC 1123 label): nothing in them means anything to a shell or to find. */
const containerName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The logs to look for: of each container that was ever made, that of the instance that the status counts, and that of the one before it. The
 * status of a container that waits to be made anew counts up before or after its old instance is gone: then both can be the old one's.
 */
export function wantedLogs(containers: Facts['podContainers']): WantedLog[] {
  const names = new Set(containers.filter(({ name, id }) => id !== '' && containerName.test(name)).map(({ name }) => name));
  return [...names].flatMap((container) => {
    const own = containers.filter(({ name }) => name === container);
    const restarts = own[0]?.restarts ?? 0;
    const isMade = own.some(({ id, instance }) => id !== '' && instance === 'current');
    const now: WantedLog = { container, instance: isMade ? 'current' : 'previous', file: `${container}/${restarts}.log` };
    return restarts === 0 ? [now] : [now, { container, instance: 'previous', file: `${container}/${restarts - 1}.log` }];
  });
}

/** The container that a log is of, in messages. */
export function logSubject({ container, instance }: Pick<WantedLog, 'container' | 'instance'>): string {
  return `log of container ${container}${instance === 'previous' ? ' (previous instance)' : ''}`;
}
