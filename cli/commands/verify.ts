import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { verifyChain } from '../../playbooks/domain/custody.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { keySetSchema } from '../api-types.js';
import type { ApiClient } from '../client.js';
import type { Io } from '../io.js';

/** The exit status of `verify`: it holds, it is broken, or that cannot be said. */
export const verifyCodes = { holds: 0, broken: 1, notCheckable: 2 } as const;

/**
 * `podtriage verify RUN`: fetches the chain as it was signed and checks it here.
 * @param connect gives the client; what it throws makes the chain not checkable
 * @param keysFile a JWK set that was saved before; without it the service says itself which keys are right
 */
export async function verify(io: Io, connect: () => Promise<ApiClient>, run: string, keysFile?: string): Promise<number> {
  try {
    const client = await connect();
    const keys = keysFile === undefined ? await client.keySet() : await readKeySet(keysFile);
    const verdict = verifyChain(run, await client.custody(run), importKeys(keys));
    if (!verdict.ok) {
      io.out(`custody of run ${displayText(run)} is BROKEN: entry ${verdict.at} ${displayText(verdict.problem)}\n`);
      return verifyCodes.broken;
    }
    io.out(`custody of run ${displayText(run)} holds: ${verdict.entries} entries, head ${verdict.head}\n`);
    if (keysFile === undefined) io.err('checked with the keys that the service gave; to trust nobody, save them once and use --keys FILE\n');
    return verifyCodes.holds;
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
    io.err(`custody of run ${displayText(run)} cannot be checked: ${displayText(error.message)}\n`);
    return verifyCodes.notCheckable;
  }
}

async function readKeySet(file: string): Promise<ReturnType<typeof keySetSchema.parse>> {
  try {
    return keySetSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new TriageError('config-invalid', `${file} is no JWK set of Ed25519 keys; save one from <url>/.well-known/jwks.json`, { cause });
  }
}

function importKeys({ keys }: ReturnType<typeof keySetSchema.parse>): ReadonlyMap<string, KeyObject> {
  try {
    return new Map(keys.map(({ kid, kty, crv, x }) => [kid, createPublicKey({ key: { kty, crv, x }, format: 'jwk' })]));
  } catch (cause) {
    throw new TriageError('config-invalid', 'a key of the set is no Ed25519 key', { cause });
  }
}
