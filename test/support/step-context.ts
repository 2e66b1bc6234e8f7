import type { Artifact } from '../../playbooks/domain/artifact.js';
import { limitsSchema, type RunRequest, runRequestSchema } from '../../playbooks/domain/request.js';
import type { Gap, Limit } from '../../playbooks/domain/run.js';
import type { EvidencePort, StepContext } from '../../playbooks/ports.js';
import { localNode } from './local-node.js';
import { alone } from './moves.js';

/** A step's context whose node is this machine, and what the step has said by it. */
export interface LocalContext {
  readonly ctx: StepContext;
  readonly artifacts: Artifact[];
  readonly gaps: Gap[];
  readonly limits: Limit[];
}

/** @param options of the run's request */
export function localContext(evidence: EvidencePort, signal: AbortSignal, options: Partial<RunRequest['options']> = {}): LocalContext {
  const [artifacts, gaps, limits]: [Artifact[], Gap[], Limit[]] = [[], [], []];
  const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web' }, options });
  const parts: Partial<StepContext> = {
    run: {
      id: 'run-1',
      createdAt: '2026-01-01T00:00:00.000Z',
      requestedBy: 'test',
      request,
      playbook: { name: 'a-f-02', sha256: '0'.repeat(64), title: 'test' },
      limits: limitsSchema.parse(request.options.limits),
    },
    attempt: 1,
    signal,
    clock: () => new Date(),
    nodes: { connect: () => Promise.resolve(localNode()) },
    evidence,
    moves: alone,
    recordArtifacts: (made) => {
      artifacts.push(...made);
      return Promise.resolve();
    },
    gap: (gap) => gaps.push(gap),
    limit: (limit) => limits.push(limit),
  };
  return { ctx: parts as StepContext, artifacts, gaps, limits };
}
