import type { ListedPod } from '../../../playbooks/domain/batch.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { targetSchema } from '../../../playbooks/domain/request.js';
import type { PodFilter } from '../../../playbooks/ports.js';
import { ApiRefusal, type ApiServer, type Question } from './api-server.js';
import { parsePodPage } from './listed-pod.js';

/** Pods a page, as the API server's own clients ask for them. */
const pageSize = '500';
/** A cluster whose lists end before they are read through is given up then. */
const maxStarts = 3;

/**
 * Lists the pods of one cluster page by page, each pod once. Throws `invalid-request` for names that Kubernetes does not allow and for a selector
 * that the API server refuses, else what `ApiServer.json` does.
 */
export async function* listPods(server: ApiServer, filter: PodFilter, signal: AbortSignal): AsyncGenerator<readonly ListedPod[]> {
  const question = questionOf(filter);
  const seen = new Set<string>();
  for (let start = 1, next: string | undefined; ; ) {
    const page = await pageOf(server, next === undefined ? question : { ...question, query: { ...question.query, continue: next } }, signal);
    if (page === 'expired') {
      start += 1;
      if (start > maxStarts)
        throw new TriageError('cluster-unreachable', `the list of pods of cluster "${server.cluster}" expired ${maxStarts} times before it was read`);
      next = undefined;
      continue;
    }
    yield page.pods.filter(({ uid }) => !seen.has(uid) && seen.add(uid));
    if (page.next === undefined) return;
    next = page.next;
  }
}

async function pageOf(server: ApiServer, question: Question, signal: AbortSignal): Promise<ReturnType<typeof parsePodPage> | 'expired'> {
  try {
    return parsePodPage(await server.json(question, signal));
  } catch (error) {
    // 410 Gone: the list that the token belongs to is not kept any more (Kubernetes API concepts, "Retrieving large results sets in chunks").
    if (error instanceof ApiRefusal && error.status === 410) return 'expired';
    if (error instanceof ApiRefusal && error.status === 400)
      throw new TriageError('invalid-request', `the API server of cluster "${server.cluster}" refuses the selection: ${error.said}`, {
        cause: error,
      });
    throw error;
  }
}

function questionOf({ namespace, labels, node }: PodFilter): Question {
  // Names become parts of URLs and selectors.
  if (namespace !== undefined && !targetSchema.shape.namespace.safeParse(namespace).success) throw notAllowed('namespace');
  if (node !== undefined && !targetSchema.shape.pod.safeParse(node).success) throw notAllowed('node');
  return {
    path: namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`,
    query: {
      limit: pageSize,
      ...(labels === undefined ? {} : { labelSelector: labels }),
      ...(node === undefined ? {} : { fieldSelector: `spec.nodeName=${node}` }),
    },
    permission: 'list pods',
  };
}

function notAllowed(what: string): TriageError {
  return new TriageError('invalid-request', `the name of the ${what} is not one that Kubernetes allows`);
}
