import type { EndpointConfig } from '../playbooks/delivery/endpoints.js';
import { type Reach, reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';

/**
 * Checks that a run or a batch names only endpoints that there are, and that may hear of its pods.
 * @param place `*` as the namespace stands for several
 * @throws TriageError `endpoint-unknown`
 */
export function assertEndpoints(
  endpoints: readonly Pick<EndpointConfig, 'name' | 'reach'>[],
  notify: readonly string[] | undefined,
  place: { readonly cluster: string; readonly namespace: string },
): void {
  for (const name of notify ?? []) {
    // In the same words whether there is none, or one that he may not know of.
    if (!endpoints.some((endpoint) => endpoint.name === name && reaches(endpoint.reach, place)))
      throw new TriageError(
        'endpoint-unknown',
        `notify: there is no endpoint "${name}" that may hear of namespace ${place.namespace} of cluster "${place.cluster}"; GET /api/v1/endpoints lists them`,
      );
  }
}

/** Says whether two reaches have a namespace in common. */
export function meet(a: Reach, b: Reach): boolean {
  if (a === 'all' || b === 'all') return true;
  return a.some((mine) =>
    b.some(({ cluster, namespace }) => mine.cluster === cluster && (mine.namespace === '*' || namespace === '*' || mine.namespace === namespace)),
  );
}
