import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { keyIdOf, readKeySet } from '../../playbooks/bag/key-set.js';
import { TriageError } from '../../playbooks/domain/error.js';

/** The keys to trust, if any were named. */
export interface PinnedKeys {
  readonly pinned?: ReadonlyMap<string, KeyObject>;
}

/** Reads JWK sets and public keys as PEM. Throws `config-invalid` for a file that holds neither. */
export async function readPinnedKeys(files: readonly string[]): Promise<PinnedKeys> {
  if (files.length === 0) return {};
  const keys = await Promise.all(files.map(keysOf));
  return { pinned: new Map(keys.flat()) };
}

async function keysOf(file: string): Promise<(readonly [string, KeyObject])[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TriageError('config-invalid', `cannot read the key file ${file}`, { cause });
  });
  if (!text.trimStart().startsWith('{')) return [pemKey(file, text)];
  const { keys, problems } = setOf(file, text);
  if (keys.size === 0 || problems.length > 0) throw new TriageError('config-invalid', `${file}: ${problems[0] ?? 'has no keys'}`);
  return [...keys];
}

function setOf(file: string, text: string): ReturnType<typeof readKeySet> {
  try {
    return readKeySet(text);
  } catch (cause) {
    throw new TriageError('config-invalid', `${file} is no JWK set of Ed25519 keys; save one from <url>/.well-known/jwks.json`, { cause });
  }
}

function pemKey(file: string, text: string): readonly [string, KeyObject] {
  try {
    // Of a private key this would make its public half: such a file must not lie about as a public one.
    const key = text.includes('PRIVATE KEY') ? undefined : createPublicKey(text);
    if (key?.asymmetricKeyType === 'ed25519') return [keyIdOf(key), key];
  } catch {
    // Said below.
  }
  throw new TriageError('config-invalid', `${file} is neither a JWK set nor an Ed25519 public key as PEM`);
}
