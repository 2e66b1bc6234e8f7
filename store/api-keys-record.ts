import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Reach, reachSchema, type Scope, scopes } from '../playbooks/domain/access.js';
import type { TextPlace } from './signed-text.js';

/** Who holds a key. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly reach: Reach;
}

/** Checks API keys. */
export interface ApiKeys {
  /** The holder, or undefined for a secret that is not known. Throws `unauthorized` for a key that has expired, `redis-unavailable`. */
  verify(secret: string): Promise<ApiKey | undefined>;
}

/** A key as admins see it. Times are ISO 8601. */
export interface ApiKeyView extends ApiKey {
  readonly createdAt: string;
  /** As custody names him. */
  readonly createdBy: string;
  readonly expiresAt?: string;
  /** Who last gave it a new secret, and until when the old one counts. */
  readonly rotated?: { readonly at: string; readonly by: string; readonly oldUntil: string };
  /** To the minute. Information only: it is not signed. */
  readonly lastUsedAt?: string;
}

/** A key and its secret, which can be seen this once. */
export type ApiKeyGiven = ApiKeyView & { readonly secret: string };

/** `pt_<id>_<secret>`: the id finds the record, so that the comparison itself can take the same time for all. */
const shape = /^pt_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const recordSchema = z.object({
  name: z.string(),
  sha256,
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
  scopes: z.array(z.enum(scopes)).readonly(),
  reach: reachSchema,
  expiresAt: z.iso.datetime().optional(),
  rotated: z.object({ at: z.iso.datetime(), by: z.string(), oldUntil: z.iso.datetime(), oldSha256: sha256 }).optional(),
});
export type ApiKeyRecord = z.output<typeof recordSchema>;

/** Whose key a secret says it is; undefined for what is no secret of ours. */
export function keyIdOf(secret: string): string | undefined {
  return shape.exec(secret)?.[1];
}

/** Makes a secret for a key; without an id for a new one. 256 bits of it are chance. */
export function newSecret(id = randomBytes(8).toString('hex')): { readonly id: string; readonly secret: string; readonly sha256: string } {
  const secret = `pt_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, secret, sha256: digest(secret).toString('hex') };
}

/** What nobody's secret has as its hash. */
const nobody = Buffer.alloc(32);

/** Says whether a secret is that of a record at this time (ms since 1970). It takes as long for a key that there is not. */
export function isSecretOf(record: ApiKeyRecord | undefined, secret: string, now: number): boolean {
  const given = digest(secret);
  const old = record?.rotated;
  const current = timingSafeEqual(given, hashOf(record?.sha256));
  const before = timingSafeEqual(given, hashOf(old?.oldSha256));
  return current || (before && old !== undefined && now < Date.parse(old.oldUntil));
}

function hashOf(hex: string | undefined): Buffer {
  return hex === undefined ? nobody : Buffer.from(hex, 'hex');
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** A record as it is shown: without hashes. */
export function keyView(id: string, record: ApiKeyRecord, lastUsedAt?: string): ApiKeyView {
  const { name, scopes: held, reach, createdAt, createdBy, expiresAt, rotated } = record;
  return {
    ...{ id, name, scopes: held, reach, createdAt, createdBy },
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(rotated === undefined ? {} : { rotated: { at: rotated.at, by: rotated.by, oldUntil: rotated.oldUntil } }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  };
}

/** Where the record of a key stands. */
export function placeOf(id: string): TextPlace {
  return { purpose: 'api-key', about: id };
}
