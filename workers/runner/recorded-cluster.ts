import { asTriageError } from '../../playbooks/domain/error.js';
import type { JsonObject } from '../../playbooks/domain/json.js';
import type { ClusterPort, PodRef } from '../../playbooks/ports.js';
import { elapsed, type Footprints } from './footprints.js';

/** Puts each request to the API server into custody: before it is sent, and when it is answered. */
export function recordedCluster(cluster: ClusterPort, footprints: Footprints): ClusterPort {
  const call = async <T>(detail: JsonObject, ask: () => Promise<T>, size: (answer: T) => JsonObject): Promise<T> => {
    const id = await footprints.begin('cluster.request', undefined, detail);
    const since = elapsed();
    try {
      const answer = await ask();
      await footprints.end('cluster.answered', undefined, id, { ok: true, ...size(answer), durationMs: since() });
      return answer;
    } catch (error) {
      await footprints.end('cluster.answered', undefined, id, { ok: false, error: asTriageError(error).code, durationMs: since() });
      throw error;
    }
  };
  const nothing = (): JsonObject => ({});
  return {
    pod: (ref, signal) =>
      call(
        { method: 'get-pod', ...podDetail(ref) },
        () => cluster.pod(ref, signal),
        ({ uid }) => ({ uid }),
      ),
    node: (name, node, signal) => call({ method: 'get-node', cluster: name, node }, () => cluster.node(name, node, signal), nothing),
    events: (ref, uid, signal) => call({ method: 'list-events', ...podDetail(ref), uid }, () => cluster.events(ref, uid, signal), nothing),
  };
}

/** The pod's name as custody holds it. */
export function podDetail({ cluster, namespace, pod }: PodRef): JsonObject {
  return { cluster, namespace, pod };
}
