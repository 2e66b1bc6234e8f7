import { TriageError } from '../../playbooks/domain/error.js';
import { parseJson } from '../../playbooks/domain/json.js';
import type { BagMaterial } from './bag-material.js';

/** What may be done with a run while its bag is made, and changes nothing that is in it. */
const harmless: ReadonlySet<unknown> = new Set(['evidence.read', 'evidence.held', 'evidence.released', 'run.checkpoint']);

/**
 * The chain up to and with the checkpoint of the export. Throws `conflict` when the run was changed since its bag was begun: the chain would
 * tell of what the bag does not have; and `custody-broken` when the chain has become shorter.
 */
export async function* chainLines({ source, run, entries }: Pick<BagMaterial, 'source' | 'run' | 'entries'>, to: number): AsyncGenerator<string> {
  let at = 0;
  for await (const line of source.chain(run, 0, to)) {
    if (at >= entries) assertHarmless(line, run);
    at += 1;
    yield line;
  }
  if (at < to) throw new TriageError('custody-broken', `the chain of run ${run} has lost entries: ${at} are left of ${to}`);
}

function assertHarmless(line: string, run: string): void {
  const entry = parseJson(line);
  const act = typeof entry === 'object' && entry !== null && 'act' in entry ? entry.act : undefined;
  if (!harmless.has(act)) throw new TriageError('conflict', `run ${run} was changed while its bag was made (${String(act)}): export it again`);
}
