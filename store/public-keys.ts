import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { keyIdOf } from '../playbooks/bag/key-set.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import { type KeyRole, keyRoles, publicSuffix } from './signing-key.js';

/** Gives the public key with this id, if it may sign custody, and if a role is named, if it may sign what that role does. */
export type TrustedKeys = (kid: string, role?: KeyRole) => Promise<KeyObject | undefined>;

/** A public key that custody is checked with. */
export interface PublicKey {
  readonly kid: string;
  readonly key: KeyObject;
  /** Absent where neither the file's name nor the key set says it: then it counts for both. */
  readonly role?: KeyRole;
}

/** A public key and where it comes from. */
export interface EnrolledKey extends PublicKey {
  readonly file: string;
  /** When its file was written. */
  readonly since: Date;
}

const keySetSchema = z.object({
  keys: z.array(z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), podtriage_role: z.enum(keyRoles).optional() })),
});

/** Reads `*.pub.pem` of a folder: the public keys that custody is checked with, by kid. A folder that is not there holds none. */
export async function readPublicKeys(folder: string): Promise<ReadonlyMap<string, KeyObject>> {
  return new Map((await keysOfFolder(folder)).map(({ kid, key }) => [kid, key]));
}

/** Looks public keys up in a folder, see {@link PublicKeys}. */
export function keyRing(folder: string): TrustedKeys {
  return new PublicKeys(folder).find;
}

/**
 * The public keys that this process believes: those of its own keys folder, where each process of this machine puts its own, and those that
 * the installation has enrolled. Files are read again when a key is not known yet: API and workers make theirs when they first start.
 */
export class PublicKeys {
  private known: readonly EnrolledKey[] = [];

  /** @param enrolled files (PEM, or a JWK set) and folders of them; unlike the keys folder, they must be there */
  constructor(
    private readonly folder: string,
    private readonly enrolled: readonly string[] = [],
  ) {}

  readonly find: TrustedKeys = async (kid, role) => {
    const found = fitting(this.known, kid, role);
    return (found ?? fitting(await this.all(), kid, role))?.key;
  };

  /** All of them as they are now, oldest first. Throws `config-invalid` for a file that holds no key. */
  async all(): Promise<readonly EnrolledKey[]> {
    const places = await Promise.all(this.enrolled.map(keysOfPlace));
    this.known = [...(await keysOfFolder(this.folder)), ...places.flat()].sort((a, b) => a.since.getTime() - b.since.getTime());
    return this.known;
  }
}

function fitting(keys: readonly EnrolledKey[], kid: string, role: KeyRole | undefined): EnrolledKey | undefined {
  return keys.find((key) => key.kid === kid && (role === undefined || key.role === undefined || key.role === role));
}

async function keysOfPlace(place: string): Promise<readonly EnrolledKey[]> {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined) throw new TriageError('config-invalid', `PODTRIAGE_TRUSTED_KEYS: there is no ${place}`);
  return found.isDirectory() ? keysOfFolder(place, ['.pem', '.json']) : keysOfFile(place);
}

async function keysOfFolder(folder: string, suffixes: readonly string[] = [publicSuffix]): Promise<readonly EnrolledKey[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => suffixes.some((suffix) => name.endsWith(suffix))).map((name) => join(folder, name));
  return (await Promise.all(files.map(keysOfFile))).flat();
}

async function keysOfFile(file: string): Promise<readonly EnrolledKey[]> {
  const [text, { mtime: since }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
  const set = keySetSchema.safeParse(parseJson(text));
  if (!set.success) return [enrolled(file, since, publicKey(file, text), roleOfName(basename(file)))];
  return set.data.keys.map(({ kty, crv, x, podtriage_role: role }) =>
    enrolled(file, since, publicKey(file, { key: { kty, crv, x }, format: 'jwk' }), role),
  );
}

function enrolled(file: string, since: Date, key: KeyObject, role: KeyRole | undefined): EnrolledKey {
  return { kid: keyIdOf(key), key, file, since, ...(role === undefined ? {} : { role }) };
}

/** `api-<kid>.pub.pem`, `worker.pub.pem`. */
function roleOfName(name: string): KeyRole | undefined {
  return keyRoles.find((role) => name.startsWith(`${role}-`) || name.startsWith(`${role}.`));
}

function publicKey(file: string, source: Parameters<typeof createPublicKey>[0]): KeyObject {
  // Of a private key this would make its public half: such a file must not lie about as a public one.
  if (typeof source === 'string' && source.includes('PRIVATE KEY')) throw new TriageError('config-invalid', `${file} holds a private key`);
  try {
    const key = createPublicKey(source);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new TriageError('config-invalid', `${file} holds no public key`, { cause });
  }
  throw new TriageError('config-invalid', `${file} holds a key that is not an Ed25519 key`);
}
