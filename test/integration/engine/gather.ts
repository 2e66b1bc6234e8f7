import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { defineStep } from '../../../playbooks/step.js';
import { card, fileArtifact, none } from './synthetic-file.js';

/** Which hashes a run of the playbook `asking` has: `count` from number `from` on, round about among those of a kind. */
export interface Gathered {
  readonly kind: string;
  readonly from: number;
  readonly count: number;
  readonly of: number;
}

/** The name of a pod whose run has these hashes. */
export function podOf({ kind, from, count, of }: Gathered): string {
  return [kind, from, count, of].join('-');
}

/** Has files that other runs have as well: which, the name of its pod says. */
export const gather = defineStep({
  ...card,
  name: 'gather',
  summary: 'Takes files that other runs have as well',
  queue: 'evidence',
  needs: [],
  uses: [],
  writes: ['artifacts'],
  params: none,
  async run(_facts, _params, ctx) {
    const [kind = '', from = 0, count = 0, of = 1] = ctx.run.request.target.pod.split('-').map((part, at) => (at === 0 ? part : Number(part)));
    const numbers = Array.from({ length: Number(count) }, (_, at) => (Number(from) + at) % Number(of));
    const content = kind === 'junk' ? 'text' : 'elf';
    const files = numbers.map(
      (at) => ({ ...fileArtifact(ctx.run.id, String(at), ctx.clock()), sha256: sha256Hex(`${kind} ${at}`), content }) as const,
    );
    await ctx.recordArtifacts(files);
    const sum = { count: numbers.length, bytes: 0, stored: numbers.length, known: 0, left: 0, method: 'node' as const };
    return { artifacts: { sha256: sha256Hex(ctx.run.id), ...sum } };
  },
});
