import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { quotaText } from '../ui/quota-text.js';

/** `podtriage quota`: what is used and left of each key, and what waits. */
export async function quota(io: Io, client: ApiClient, { json }: { readonly json?: boolean }): Promise<number> {
  const status = await client.quota();
  io.out(json === true ? `${safeJson(status)}\n` : quotaText(status, Date.now()));
  return exitCodes.ok;
}
