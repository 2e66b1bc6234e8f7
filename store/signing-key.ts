import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asTriageError, TriageError } from '../playbooks/domain/error.js';

/** The Ed25519 key with which one process role signs custody. */
export interface Signer {
  /** First 16 hex digits of sha256 over the public key (SPKI, DER). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const publicSuffix = '.pub.pem';

/** The id of a public key; see {@link Signer.kid}. */
export function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

/** Makes a {@link Signer} of a private key. Throws `config-invalid` when it is not Ed25519. */
export function signerOf(privateKey: KeyObject): Signer {
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TriageError('config-invalid', 'the signing key is not an Ed25519 key');
  const publicKey = createPublicKey(privateKey);
  return { kid: keyId(publicKey), privateKey, publicKey };
}

/**
 * Loads the signing key, or makes one on the first start, and puts its public half beside it (`api.pem` -> `api.pub.pem`).
 * Two processes that start at once end up with the same key.
 * @throws TriageError `config-invalid` for a file that others can read or that holds no Ed25519 key, `store-unwritable`
 */
export async function loadOrCreateSigner(path: string): Promise<Signer> {
  const signer = (await load(path)) ?? (await create(path));
  const pem = signer.publicKey.export({ type: 'spki', format: 'pem' });
  await replace(path.replace(/(\.pem)?$/, publicSuffix), pem.toString());
  return signer;
}

/** Reads `*.pub.pem` of a folder: the public keys that custody is checked with, by kid. A folder that is not there holds none. */
export async function readPublicKeys(folder: string): Promise<ReadonlyMap<string, KeyObject>> {
  const names = await readdir(folder).catch(() => []);
  const keys = new Map<string, KeyObject>();
  for (const name of names.filter((candidate) => candidate.endsWith(publicSuffix))) {
    const key = parsePublic(name, await readFile(join(folder, name), 'utf8'));
    keys.set(keyId(key), key);
  }
  return keys;
}

function parsePublic(path: string, pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new TriageError('config-invalid', `${path} holds no public key`, { cause });
  }
}

/** Looks public keys up in a folder, and reads it again when one is not known yet: API and workers make theirs when they first start. */
export function keyRing(folder: string): (kid: string) => Promise<KeyObject | undefined> {
  let keys: ReadonlyMap<string, KeyObject> = new Map();
  return async (kid) => {
    if (!keys.has(kid)) keys = await readPublicKeys(folder);
    return keys.get(kid);
  };
}

async function load(path: string): Promise<Signer | undefined> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return undefined;
  if ((file.mode & 0o077) !== 0) throw new TriageError('config-invalid', `others can read the signing key ${path}: chmod 600 it`);
  try {
    return signerOf(createPrivateKey(await readFile(path)));
  } catch (cause) {
    throw asTriageError(cause, 'config-invalid', `cannot load the signing key ${path}`);
  }
}

async function create(path: string): Promise<Signer> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await write(temporary, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    await link(temporary, path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
    await unlink(temporary);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw asTriageError(cause, 'store-unwritable', `cannot write the signing key ${path}`);
  }
  const signer = await load(path);
  if (signer === undefined) throw new TriageError('store-unwritable', `the signing key ${path} vanished while it was made`);
  return signer;
}

async function replace(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === text) return;
  const temporary = `${path}.${randomUUID()}`;
  try {
    await write(temporary, text);
    await rename(temporary, path);
  } catch (cause) {
    throw asTriageError(cause, 'store-unwritable', `cannot write the public key ${path}`);
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
