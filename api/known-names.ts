import { TriageError } from '../playbooks/domain/error.js';
import type { ApiDeps } from './deps.js';

/** Throws `playbook-unknown` and `unknown-cluster` for names that a request has and this installation has not. */
export function assertKnown(
  { playbooks, clusters }: Pick<ApiDeps, 'playbooks' | 'clusters'>,
  { playbook, cluster }: { readonly playbook: string; readonly cluster: string },
): void {
  if (!playbooks.some(({ name }) => name === playbook))
    throw new TriageError('playbook-unknown', `there is no playbook "${playbook}"; GET /api/v1/playbooks lists them`);
  if (!clusters.includes(cluster)) throw new TriageError('unknown-cluster', `no worker serves a cluster "${cluster}"; known: ${clusters.join(', ')}`);
}
