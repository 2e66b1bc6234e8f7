import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';

/** `podtriage hold RUN`. */
export async function hold(io: Io, client: ApiClient, run: string, reason: string): Promise<number> {
  const { id } = await client.hold(run, reason);
  io.out(`the evidence of run ${displayText(id)} is held: it is not destroyed until it is released\n`);
  return exitCodes.ok;
}

/** `podtriage release RUN`. */
export async function release(io: Io, client: ApiClient, run: string, reason: string): Promise<number> {
  const { id, retainedUntil } = await client.release(run, reason);
  const until = retainedUntil === undefined ? 'once the run has ended its time begins' : `it is kept until ${displayText(retainedUntil)}`;
  io.out(`the evidence of run ${displayText(id)} is held by nobody; ${until}\n`);
  return exitCodes.ok;
}

/** `podtriage destroy RUN`. Throws `invalid-request` unless it was said that this is meant. */
export async function destroy(io: Io, client: ApiClient, run: string, { reason, yes }: { reason: string; yes?: boolean }): Promise<number> {
  if (yes !== true)
    throw new TriageError('invalid-request', `this destroys the artifacts, listings and reports of run ${run} for good; add --yes if you mean it`);
  const { id } = await client.destroy(run, reason);
  io.out(`the evidence of run ${displayText(id)} is destroyed; what no other run refers to is removed within a minute. Its custody stays.\n`);
  return exitCodes.ok;
}
