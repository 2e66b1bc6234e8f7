import { createHash, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';
import type { Keys } from './keys.js';
import { claimRequest, forgetRequest, settleRequest } from './scripts/request-claim.js';
import { runScript } from './scripts/script.js';
import type { SignedTexts } from './signed-text.js';

/** How long a claim is kept. */
const keptSeconds = 24 * 60 * 60;

/** A request that its caller may send again (draft-ietf-httpapi-idempotency-key-header). */
export interface RepeatableRequest {
  /** Who sends it, to which operation, under which key. */
  readonly actor: string;
  readonly operation: string;
  readonly key: string;
  /** What is asked for. */
  readonly request: unknown;
}

/**
 * What became of a request's key. `mine`: it is to be done now, under this id, by who holds `owner`. `done`: it has been, under this id. `busy`:
 * somebody does it right now. `mismatch`: the key belongs to another request.
 */
export type Claim =
  | { readonly state: 'mine'; readonly id: string; readonly owner: string }
  | { readonly state: 'done'; readonly id: string }
  | { readonly state: 'busy' }
  | { readonly state: 'mismatch' };

/** Sees to it that a request which is sent twice is done once. Methods throw `redis-unavailable`. */
export interface RequestClaims {
  /** Claims the key for 24 h, under an id that outlives whoever dies before the request is done. */
  claim(request: RepeatableRequest, newId: () => string): Promise<Claim>;
  /** Ends a claim that is `mine`: the request is done, or it can be tried again at once under the same id. */
  settle(request: RepeatableRequest, owner: string, done: boolean): Promise<void>;
}

const claimSchema = z.strictObject({ id: z.string().regex(/^[a-z][0-9a-z]{1,40}$/), fingerprint: z.string() });

/** Claims in Redis. Each is signed: who can write there can make a request be done twice, and never have it answered with another's run. */
export class RedisRequestClaims implements RequestClaims {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly texts: SignedTexts,
    /** How long who has a claim may be silent before he counts as dead, in milliseconds. */
    private readonly leaseMs = 30_000,
  ) {}

  async claim(request: RepeatableRequest, newId: () => string): Promise<Claim> {
    const about = aboutOf(request);
    const fingerprint = digest(JSON.stringify(request.request));
    const owner = randomUUID();
    const mine = this.texts.sign({ purpose: 'request-claim', about }, { id: newId(), fingerprint }, keptSeconds);
    // A claim that is not believed is taken away, and then there is none.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const [state, text] = await this.ask(claimRequest, about, [mine, owner, this.leaseMs, keptSeconds * 1_000]);
      const forget = (): Promise<unknown> => this.ask(forgetRequest, about, [text ?? '']);
      const claim = await this.texts.read({ purpose: 'request-claim', about }, claimSchema, String(text), forget);
      if (claim === undefined) await forget();
      else if (claim.fingerprint === fingerprint) return claimOf(state, claim.id, owner);
      else {
        if (state === 'mine') await this.settle(request, owner, false);
        return { state: 'mismatch' };
      }
    }
    throw new TriageError('internal', 'the claim of an Idempotency-Key cannot be had: Redis gives it back altered each time');
  }

  async settle(request: RepeatableRequest, owner: string, done: boolean): Promise<void> {
    await this.ask(settleRequest, aboutOf(request), [owner, done ? 'done' : 'free']);
  }

  private ask(script: typeof claimRequest, about: string, args: readonly (string | number)[]): ReturnType<typeof runScript> {
    return runScript(this.redis, script, [this.keys.requestClaim(about)], args);
  }
}

function claimOf(state: string, id: string, owner: string): Claim {
  if (state === 'busy') return { state };
  return state === 'done' ? { state, id } : { state: 'mine', id, owner };
}

function aboutOf({ actor, operation, key }: RepeatableRequest): string {
  return digest(JSON.stringify([actor, operation, key]));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
