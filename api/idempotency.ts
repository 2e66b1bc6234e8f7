import type { Request } from 'express';
import { TriageError } from '../playbooks/domain/error.js';
import type { RepeatableRequest, RequestClaims } from '../store/idempotency.js';
import { actorOf } from './caller.js';

/** A request that opens something. */
export interface Repeatable<T> {
  /** `POST /runs`: keys of one operation say nothing to another. */
  readonly operation: string;
  /** As it was parsed: what is asked for, and not how it was written. */
  readonly request: unknown;
  /** Makes the id of what is opened. */
  readonly newId: (now: Date) => string;
  /** Opens it under this id. To be told an id twice is harmless to it, as its last caller may have died. */
  readonly work: (id: string) => Promise<T>;
  /** The answer to who sends the request again. */
  readonly again: (id: string) => Promise<T>;
}

/**
 * Does a request once, however often its caller sends it under one `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), within 24 h.
 * Without that header it is just done.
 * @throws TriageError `idempotency-mismatch` when the key came with another request before, `conflict` while that request is under way
 */
export async function idempotent<T>(req: Request, claims: RequestClaims, what: Repeatable<T>): Promise<T> {
  const newId = (): string => what.newId(new Date());
  const key = idempotencyKey(req);
  if (key === undefined) return what.work(newId());
  const request: RepeatableRequest = { actor: actorOf(req), operation: what.operation, key, request: what.request };
  const claim = await claims.claim(request, newId);
  if (claim.state === 'done') return what.again(claim.id);
  if (claim.state === 'busy') throw new TriageError('conflict', 'the request with this Idempotency-Key is under way; send it again in a moment');
  if (claim.state === 'mismatch')
    throw new TriageError('idempotency-mismatch', 'this Idempotency-Key came with another request before; take a new key for a new request');
  let done = false;
  try {
    const opened = await what.work(claim.id);
    done = true;
    return opened;
  } finally {
    // Whoever cannot say that it is done has not harmed it: the next one tries again, under the same id.
    await claims.settle(request, claim.owner, done).catch((err: unknown) => req.log.warn({ err }, 'the claim of an Idempotency-Key was not settled'));
  }
}

/** A string of structured fields (RFC 9651), as the draft has it, or the same without its quotes, as many clients send it. */
const quoted = /^"((?:[ !#-[\]-~]|\\["\\]){1,255})"$/;
const bare = /^[!#-~][!-~]{0,254}$/;

/** The key that the caller has given. Throws `invalid-request` for one that is none. */
export function idempotencyKey(req: Pick<Request, 'get'>): string | undefined {
  const given = req.get('idempotency-key');
  if (given === undefined || bare.test(given)) return given;
  const inner = quoted.exec(given)?.[1];
  if (inner === undefined) throw new TriageError('invalid-request', 'the Idempotency-Key must be 1 to 255 visible characters of ASCII, once');
  return inner.replaceAll(/\\(["\\])/g, '$1');
}
