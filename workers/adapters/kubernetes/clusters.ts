import { KubeConfig } from '@kubernetes/client-node';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';
import type { JsonValue } from '../../../playbooks/domain/json.js';
import type { ClusterPort, InContainerPort, NodeRef, PodListPort, PodRef, PodSnapshot } from '../../../playbooks/ports.js';
import { ApiRefusal, ApiServer } from './api-server.js';
import { defaultPace, type Pace } from './archive-stream.js';
import { openArchive } from './exec-archive.js';
import { assertNames } from './names.js';
import { internalIp, parsePod } from './pod.js';
import { listPods } from './pod-list.js';

/** What time API servers have. Throws `cluster-unreachable`. */
export interface ClusterClock {
  date(cluster: string, signal: AbortSignal): Promise<Date>;
}

/**
 * Clusters by name, each with the path of its kubeconfig (its current context) or `in-cluster` for the service account of our own pod.
 * Throws `config-invalid` when one cannot be loaded.
 */
export function createClusters(
  configs: Readonly<Record<string, string>>,
  pace = defaultPace,
): ClusterPort & InContainerPort & PodListPort & ClusterClock {
  const servers = new Map(Object.entries(configs).map(([name, source]) => [name, new ApiServer(name, load(name, source))]));
  return new Clusters(servers, pace);
}

function load(name: string, source: string): KubeConfig {
  const config = new KubeConfig();
  try {
    if (source === 'in-cluster') config.loadFromCluster();
    else config.loadFromFile(source);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined || !URL.canParse(server)) throw new Error('its current context names no cluster with an address');
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new TriageError('config-invalid', `the kubeconfig of cluster "${name}" (${source}) cannot be used: ${text}`, { cause: error });
  }
  return config;
}

class Clusters implements ClusterPort, InContainerPort, PodListPort, ClusterClock {
  constructor(
    private readonly servers: ReadonlyMap<string, ApiServer>,
    private readonly pace: Pace,
  ) {}

  async pod(ref: PodRef, signal: AbortSignal): Promise<PodSnapshot> {
    assertNames(ref);
    const server = this.server(ref.cluster);
    try {
      return parsePod(await server.json({ path: podPath(ref), permission: 'get pods' }, signal));
    } catch (error) {
      throw isNotFound(error) ? await podNotFound(server, ref, signal) : error;
    }
  }

  async node(cluster: string, name: string, signal: AbortSignal): Promise<NodeRef> {
    const server = this.server(cluster);
    try {
      const raw = await server.json({ path: `/api/v1/nodes/${encodeURIComponent(name)}`, permission: 'get nodes' }, signal);
      const address = internalIp(raw);
      if (address === undefined) throw new TriageError('node-unknown', `node ${name} of cluster "${cluster}" has no InternalIP`);
      return { cluster, name, address };
    } catch (error) {
      throw isNotFound(error) ? new TriageError('node-unknown', `cluster "${cluster}" has no node ${name}: it may have been removed`) : error;
    }
  }

  async events(ref: PodRef, uid: string, signal: AbortSignal): Promise<JsonValue> {
    assertNames(ref);
    const question = {
      path: `/api/v1/namespaces/${ref.namespace}/events`,
      query: { fieldSelector: `involvedObject.uid=${uid}`, limit: '500' },
      permission: 'list events',
    };
    return this.server(ref.cluster).json(question, signal);
  }

  list(...[cluster, filter, signal]: Parameters<PodListPort['list']>): ReturnType<PodListPort['list']> {
    return listPods(this.server(cluster), filter, signal);
  }

  archive(...[ref, container, path, maxBytes, signal]: Parameters<InContainerPort['archive']>): ReturnType<InContainerPort['archive']> {
    return openArchive(this.server(ref.cluster), { ref, container, path, maxBytes }, signal, this.pace);
  }

  date(cluster: string, signal: AbortSignal): Promise<Date> {
    return this.server(cluster).date(signal);
  }

  private server(cluster: string): ApiServer {
    const server = this.servers.get(cluster);
    if (server !== undefined) return server;
    const known = [...this.servers.keys()].join(', ') || 'none';
    throw new TriageError('unknown-cluster', `cluster "${cluster}" is not configured here (configured: ${known})`);
  }
}

function podPath({ namespace, pod }: PodRef): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod}`;
}

function isNotFound(error: unknown): boolean {
  return error instanceof ApiRefusal && error.status === 404;
}

async function podNotFound(server: ApiServer, { cluster, namespace, pod }: PodRef, signal: AbortSignal): Promise<TriageError> {
  const what = await server.json({ path: `/api/v1/namespaces/${namespace}`, permission: 'get namespaces' }, signal).then(
    () => 'the namespace exists',
    (error: unknown) => (isNotFound(error) ? `there is no namespace ${namespace} either` : 'whether the namespace exists could not be found out'),
  );
  throwIfAborted(signal);
  return new TriageError('pod-not-found', `there is no pod ${pod} in namespace ${namespace} of cluster "${cluster}"; ${what}`);
}
