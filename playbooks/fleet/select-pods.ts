import { type Reach, reaches } from '../domain/access.js';
import type { ListedPod, PodsWhere, Selection } from '../domain/batch.js';
import type { PodFilter } from '../ports.js';
import type { BatchTarget } from './target.js';

/** What of a selection the API server can be asked for itself; of explicit targets, their namespaces one by one. */
export function filtersOf(select: Selection): readonly PodFilter[] {
  if ('all' in select) return [{}];
  if ('targets' in select) return [...new Set(select.targets.map(({ namespace }) => namespace))].sort().map((namespace) => ({ namespace }));
  const { namespace, labels, node } = select.where;
  return [
    {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(node === undefined ? {} : { node }),
    },
  ];
}

/** The namespace that all pods of a selection are in; `*`: they may be in several. */
export function namespaceOf(select: Selection): string {
  const filters = filtersOf(select);
  return filters.length === 1 ? (filters[0]?.namespace ?? '*') : '*';
}

/** What becomes of the pods of a cluster. */
export interface Selected {
  readonly targets: readonly BatchTarget[];
  /** Pods that fit, and that who asked may not look at. They are counted only: their names are not his to know. */
  readonly foreign: number;
}

/**
 * The pods that a batch is about, in the order in which they are listed; each once. Pods that have ended are among them: what their containers
 * wrote may still be on the node. Explicit targets that no pod fits are `gone`.
 */
export function selectPods(select: Selection, cluster: string, reach: Reach, listed: readonly ListedPod[]): Selected {
  if ('targets' in select) return explicit(select.targets, cluster, reach, listed);
  const fitting = 'all' in select ? listed : listed.filter((pod) => fits(select.where, pod));
  const mine = fitting.filter(({ namespace }) => reaches(reach, { cluster, namespace }));
  return { targets: mine.map((pod) => targetOf(pod)), foreign: fitting.length - mine.length };
}

type Wanted = Extract<Selection, { targets: unknown }>['targets'];

/** All of it is checked here again: what the API server was asked for is a courtesy. Labels alone are its own. */
function fits({ namespace, node, image, owner }: PodsWhere, pod: ListedPod): boolean {
  return (
    (namespace === undefined || pod.namespace === namespace) &&
    (node === undefined || pod.node === node) &&
    (image === undefined || pod.images.includes(image) || pod.imageDigests.includes(image)) &&
    (owner === undefined || (pod.owner?.kind === owner.kind && pod.owner.name === owner.name))
  );
}

function explicit(wanted: Wanted, cluster: string, reach: Reach, listed: readonly ListedPod[]): Selected {
  const byName = new Map(listed.map((pod) => [`${pod.namespace}/${pod.pod}`, pod]));
  const once = [...new Map(wanted.map((target) => [`${target.namespace}/${target.pod}/${target.container ?? ''}`, target])).values()];
  const mine = once.filter(({ namespace }) => reaches(reach, { cluster, namespace }));
  const targets = mine.map(({ namespace, pod, container }): BatchTarget => {
    const found = byName.get(`${namespace}/${pod}`);
    return found === undefined ? { namespace, pod, images: [], gone: true } : targetOf(found, container);
  });
  return { targets, foreign: once.length - mine.length };
}

function targetOf({ namespace, pod, uid, node, owner, images }: ListedPod, container?: string): BatchTarget {
  return {
    namespace,
    pod,
    uid,
    ...(container === undefined ? {} : { container }),
    ...(node === undefined ? {} : { node }),
    ...(owner === undefined ? {} : { owner }),
    images: [...images].sort(),
  };
}
