import { TriageError } from '../../../playbooks/domain/error.js';
import { targetSchema } from '../../../playbooks/domain/request.js';
import type { PodRef } from '../../../playbooks/ports.js';

/** Names become parts of URLs: only those that Kubernetes itself allows (DNS-1123) may. Throws `invalid-request`. */
export function assertNames(ref: PodRef, container?: string): void {
  const { namespace, pod } = ref;
  const parsed = targetSchema.omit({ cluster: true }).safeParse({ namespace, pod, container });
  if (!parsed.success) throw new TriageError('invalid-request', 'a namespace, pod or container name is not one that Kubernetes allows');
}
