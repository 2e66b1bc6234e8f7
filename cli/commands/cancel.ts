import { displayText } from '../../playbooks/domain/path-name.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';

/** `podtriage cancel RUN`. */
export async function cancel(io: Io, client: ApiClient, run: string): Promise<number> {
  const { id, state } = await client.cancel(run);
  io.out(`run ${displayText(id)} is ${state}\n`);
  return exitCodes.ok;
}
