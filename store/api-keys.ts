import type { Redis } from 'ioredis';
import { type Rights, rightsSchema } from '../playbooks/domain/access.js';
import { type Act, registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import {
  type ApiKey,
  type ApiKeyGiven,
  type ApiKeyRecord,
  type ApiKeys,
  type ApiKeyView,
  isSecretOf,
  keyIdOf,
  keyView,
  newSecret,
  placeOf,
  recordSchema,
} from './api-keys-record.js';
import type { CustodyWriter } from './custody.js';
import type { Keys } from './keys.js';
import { ofRedis } from './of-redis.js';
import { apiKeyPut, apiKeyRevoke } from './scripts/api-keys.js';
import type { SignedTexts } from './signed-text.js';

/** What a new key is to be. */
export interface NewKey extends Rights {
  readonly name: string;
  readonly expiresAt?: Date;
}

/** How a key gets a new secret. */
export interface Rotation {
  /** So long the old secret counts beside the new one; 0: not at all. */
  readonly graceSeconds: number;
  /** A new end of the key; without it the old one stands. */
  readonly expiresAt?: Date;
}

/** What admins do with keys; the register has it in the same breath. Methods throw `redis-unavailable`; `by` is who does it, as custody names him. */
export interface KeyRing {
  /** Oldest first. */
  list(): Promise<readonly ApiKeyView[]>;
  /** Throws `invalid-request` for an admin who is to reach less than all, and for a time that is over. */
  create(wish: NewKey, by: string): Promise<ApiKeyGiven>;
  /** Gives a key a new secret; it keeps its id. Throws `not-found`, `conflict` when somebody else has done so meanwhile, `invalid-request`. */
  rotate(id: string, how: Rotation, by: string): Promise<ApiKeyGiven>;
  /** Ends a key at once, in all its secrets, also one whose record is not believed (any more). Throws `not-found`. */
  revoke(id: string, by: string): Promise<void>;
}

/** The last use of a key is written this often, in milliseconds. */
const notedMs = 60_000;

/**
 * API keys in Redis: only their sha256 is kept (HASH, id -> record), signed by an API. Who can write there could else make himself a key,
 * and have any run requested and signed.
 */
export class RedisApiKeys implements ApiKeys, KeyRing {
  private readonly used = new Map<string, number>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly texts: SignedTexts,
    private readonly custody: CustodyWriter,
  ) {}

  async verify(secret: string): Promise<ApiKey | undefined> {
    const id = keyIdOf(secret);
    if (id === undefined) return undefined;
    const record = await this.record(id, await ofRedis(() => this.redis.hget(this.keys.apiKeys, id)));
    if (!isSecretOf(record, secret, Date.now()) || record === undefined) return undefined;
    const { name, scopes, reach, expiresAt } = record;
    if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now())
      throw new TriageError('unauthorized', `the API key ${id} has expired at ${expiresAt}; an admin can make a new one`);
    await this.note(id);
    return { id, name, scopes, reach };
  }

  async list(): Promise<readonly ApiKeyView[]> {
    const { apiKeys, apiKeyUses } = this.keys;
    const [records, uses] = await ofRedis(() => Promise.all([this.redis.hgetall(apiKeys), this.redis.hgetall(apiKeyUses)]));
    const views: ApiKeyView[] = [];
    for (const [id, text] of Object.entries(records)) {
      const record = await this.record(id, text);
      if (record !== undefined) views.push(keyView(id, record, timeOf(uses[id])));
    }
    return views.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  async create({ name, expiresAt, ...wish }: NewKey, by: string): Promise<ApiKeyGiven> {
    const rights = rightsSchema.safeParse(wish);
    if (!rights.success) throw new TriageError('invalid-request', rights.error.issues.map(({ message }) => message).join('; '));
    const { id, secret, sha256 } = newSecret();
    const made = { name, sha256, createdAt: new Date().toISOString(), createdBy: by, ...rights.data, ...endOf(expiresAt) };
    const act = { act: 'key.made', subject: id, detail: { ...nameAndRights(made), ...endOf(expiresAt) } } as const;
    // Of 64 bits of chance: somebody has written it there.
    if ((await this.put(id, made, '', act, by)) !== 'ok') throw new TriageError('conflict', `there is a key ${id} already; ask again`);
    return { ...keyView(id, made), secret };
  }

  async rotate(id: string, { graceSeconds, expiresAt }: Rotation, by: string): Promise<ApiKeyGiven> {
    const text = await ofRedis(() => this.redis.hget(this.keys.apiKeys, id));
    const record = await this.record(id, text);
    if (record === undefined || text === null) throw unknownKey(id);
    const { secret, sha256 } = newSecret(id);
    const now = Date.now();
    const oldUntil = new Date(now + graceSeconds * 1_000).toISOString();
    const rotated = { at: new Date(now).toISOString(), by, oldUntil, oldSha256: record.sha256 };
    const next = { ...record, ...endOf(expiresAt), sha256, rotated };
    const act = { act: 'key.rotated', subject: id, detail: { ...nameAndRights(record), oldUntil, ...endOf(expiresAt) } } as const;
    if ((await this.put(id, next, text, act, by)) !== 'ok')
      throw new TriageError('conflict', `the key ${id} has been rotated or revoked by somebody else; look at it again`);
    return { ...keyView(id, next), secret };
  }

  async revoke(id: string, by: string): Promise<void> {
    const { apiKeys, apiKeyUses } = this.keys;
    const text = await ofRedis(() => this.redis.hget(apiKeys, id));
    if (text === null) throw unknownKey(id);
    // One that is not believed is not dropped here: what is there is taken away by the act that the register has.
    const record = await this.texts.read(placeOf(id), recordSchema, text, () => Promise.resolve());
    const act = { act: 'key.revoked', subject: id, detail: record === undefined ? {} : nameAndRights(record) } as const;
    const [what] = await this.custody.write(registerChain, [act], { script: apiKeyRevoke, keys: [apiKeys, apiKeyUses], rest: [id] }, by);
    if (what !== 'ok') throw unknownKey(id);
  }

  /** @param before the record that this one takes the place of; `changed`: another one stands there by now */
  private async put(id: string, record: ApiKeyRecord, before: string, act: Act, by: string): Promise<'ok' | 'changed'> {
    const rest = [id, this.texts.sign(placeOf(id), record), before];
    const [what] = await this.custody.write(registerChain, [act], { script: apiKeyPut, keys: [this.keys.apiKeys], rest }, by);
    return what === 'ok' ? what : 'changed';
  }

  private record(id: string, text: string | null): Promise<ApiKeyRecord | undefined> {
    return this.texts.read(placeOf(id), recordSchema, text, () => ofRedis(() => this.redis.hdel(this.keys.apiKeys, id)));
  }

  private async note(id: string): Promise<void> {
    const now = Date.now();
    if ((this.used.get(id) ?? 0) > now - notedMs) return;
    this.used.set(id, now);
    await ofRedis(() => this.redis.hset(this.keys.apiKeyUses, id, new Date(now).toISOString()));
  }
}

function nameAndRights({ name, scopes, reach }: ApiKeyRecord): Pick<ApiKeyRecord, 'name' | 'scopes' | 'reach'> {
  return { name, scopes, reach };
}

function endOf(expiresAt: Date | undefined): { expiresAt?: string } {
  if (expiresAt === undefined) return {};
  if (expiresAt.getTime() <= Date.now()) throw new TriageError('invalid-request', 'expiresAt: this time is over');
  return { expiresAt: expiresAt.toISOString() };
}

/** Redis may hold anything there. */
function timeOf(text: string | undefined): string | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

function unknownKey(id: string): TriageError {
  return new TriageError('not-found', `there is no key ${id}; GET /api/v1/keys lists them`);
}
