import type { DetailOf } from '../../playbooks/domain/custody-details.js';
import { asTriageError } from '../../playbooks/domain/error.js';
import type { ClusterPort, PodRef } from '../../playbooks/ports.js';
import { type Call, elapsed, type Footprints } from './footprints.js';

type Request = Omit<DetailOf<'cluster.request'>, keyof Call>;
type Answer = Omit<DetailOf<'cluster.answered'>, keyof Call>;

/** Puts each request to the API server into custody: before it is sent, and when it is answered. */
export function recordedCluster(cluster: ClusterPort, footprints: Footprints): ClusterPort {
  const call = async <T>(detail: Request, ask: () => Promise<T>, found: (answer: T) => Pick<Answer, 'uid'>): Promise<T> => {
    const ids = await footprints.begin((made) => ({ act: 'cluster.request', detail: { ...made, ...detail } }));
    const end = (answer: Answer): Promise<void> => footprints.end({ act: 'cluster.answered', detail: { ...ids, ...answer } });
    const since = elapsed();
    const answer = await ask().catch(async (error: unknown) => {
      await end({ ok: false, error: asTriageError(error).code, durationMs: since() });
      throw error;
    });
    // As with a command on a node: what comes next waits for it.
    end({ ok: true, ...found(answer), durationMs: since() }).catch(() => undefined);
    return answer;
  };
  const nothing = (): Pick<Answer, 'uid'> => ({});
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
export function podDetail({ cluster, namespace, pod }: PodRef): Pick<PodRef, 'cluster' | 'namespace' | 'pod'> {
  return { cluster, namespace, pod };
}
