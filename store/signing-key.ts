import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { keyIdOf } from '../playbooks/bag/key-set.js';
import { asTriageError, TriageError } from '../playbooks/domain/error.js';

/** What a process is to custody: the API signs requests, workers what they did. Each role has a key of its own. */
export const keyRoles = ['api', 'worker'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** The Ed25519 key with which one process role signs custody. */
export interface Signer {
  /** First 16 hex digits of sha256 over the public key (SPKI, DER). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** How a file of a public key is named. */
export const publicSuffix = '.pub.pem';

/** Makes a {@link Signer} of a private key. Throws `config-invalid` when it is not Ed25519. */
export function signerOf(privateKey: KeyObject): Signer {
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TriageError('config-invalid', 'the signing key is not an Ed25519 key');
  const publicKey = createPublicKey(privateKey);
  return { kid: keyIdOf(publicKey), privateKey, publicKey };
}

/**
 * Loads the signing key of a role, or makes one on the first start, and puts its public half into the keys folder
 * (`api-<kid>.pub.pem`), where it stays for good: what it has signed can be checked after it was replaced.
 * Two processes that start at once end up with the same key.
 * @param folder the keys folder
 * @param given the file of a key that somebody else keeps; it must be there. Default `<role>.pem` in the folder
 * @throws TriageError `config-invalid` for a file that others can read or that holds no Ed25519 key, `store-unwritable`
 */
export async function openSigner(folder: string, role: KeyRole, given?: string): Promise<Signer> {
  const signer = given === undefined ? await own(join(folder, `${role}.pem`), folder) : await load(given);
  if (signer === undefined) throw new TriageError('config-invalid', `there is no signing key ${given}`);
  await enrol(folder, role, signer);
  return signer;
}

/** The key of a role that is in use: see {@link openSigner}, but none is made. */
export async function currentSigner(folder: string, role: KeyRole, given?: string): Promise<Signer | undefined> {
  return load(given ?? join(folder, `${role}.pem`));
}

/**
 * Puts a new key in the place of a role's key. The old private key is destroyed, as nothing needs it any more; its public half stays.
 * A process that runs signs with the old one until it is started again.
 * @returns the new key, and the id of the old one
 * @throws TriageError `config-invalid`, `store-unwritable`
 */
export async function rotateSigner(folder: string, role: KeyRole): Promise<{ readonly signer: Signer; readonly before: string }> {
  const old = await openSigner(folder, role);
  const signer = signerOf(generateKeyPairSync('ed25519').privateKey);
  // First the public half: nothing is ever signed with a key that nobody can check.
  await enrol(folder, role, signer);
  const path = join(folder, `${role}.pem`);
  try {
    const draft = await writeDraft(path, pemOf(signer));
    await rename(draft, path);
    await syncFolder(folder);
  } catch (cause) {
    throw asTriageError(cause, 'store-unwritable', `cannot replace the signing key ${path}`);
  }
  return { signer, before: old.kid };
}

async function own(path: string, folder: string): Promise<Signer> {
  const signer = (await load(path)) ?? (await create(path, folder));
  if (signer === undefined) throw new TriageError('store-unwritable', `the signing key ${path} vanished while it was made`);
  return signer;
}

async function load(path: string): Promise<Signer | undefined> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return undefined;
  // A group may read it, as of a secret that an orchestrator mounts; nobody else, and nobody may write it.
  if ((file.mode & 0o037) !== 0) throw new TriageError('config-invalid', `others can read or write the signing key ${path}: chmod 600 it`);
  try {
    return signerOf(createPrivateKey(await readFile(path)));
  } catch (cause) {
    throw asTriageError(cause, 'config-invalid', `cannot load the signing key ${path}`);
  }
}

async function create(path: string, folder: string): Promise<Signer | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeOnce(folder, path, pemOf(signerOf(generateKeyPairSync('ed25519').privateKey)));
  } catch (cause) {
    throw asTriageError(cause, 'store-unwritable', `cannot write the signing key ${path}`);
  }
  return load(path);
}

/** Keeps a public key beside the others; never in the place of another. */
async function enrol(folder: string, role: KeyRole, { kid, publicKey }: Signer): Promise<void> {
  const path = join(folder, `${role}-${kid}${publicSuffix}`);
  if ((await stat(path).catch(() => undefined)) !== undefined) return;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeOnce(folder, path, publicKey.export({ type: 'spki', format: 'pem' }).toString());
  } catch (cause) {
    throw asTriageError(cause, 'store-unwritable', `cannot write the public key ${path}`);
  }
}

function pemOf({ privateKey }: Signer): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Of several who write a file at once, one does it; it is there as a whole or not at all. */
async function writeOnce(folder: string, path: string, text: string): Promise<void> {
  const draft = await writeDraft(path, text);
  await link(draft, path).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await unlink(draft);
  await syncFolder(folder);
}

async function writeDraft(path: string, text: string): Promise<string> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
