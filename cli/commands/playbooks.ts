import { displayText } from '../../playbooks/domain/path-name.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';

/** `podtriage playbooks`. */
export async function listPlaybooks(io: Io, client: ApiClient): Promise<number> {
  for (const { name, title, summary, steps } of await client.playbooks())
    io.out(`${displayText(name)}: ${displayText(title)}\n  ${displayText(summary)}\n  ${steps.map(displayText).join(' > ')}\n`);
  return exitCodes.ok;
}
