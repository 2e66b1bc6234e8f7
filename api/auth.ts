import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import { mayDo } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { ApiKeys } from '../store/api-keys-record.js';
import { keyIdOf } from '../store/api-keys-record.js';
import type { Guesses } from '../store/guesses.js';
import { type Caller, callerOf, setCaller } from './caller.js';
import { assertServed } from './contract.js';
import { isToken, type Tokens } from './oidc.js';
import { isOpen, scopesNeeded } from './operation.js';

/** What credentials are checked with. */
export interface Credentials {
  readonly keys: ApiKeys;
  /** Absent: only API keys are taken. */
  readonly tokens?: Tokens;
  readonly guesses: Guesses;
}

/**
 * Lets only those pass who hold an API key (`Authorization: Bearer` or `X-Api-Key`) or a token, and whom the contract opens the operation to. To be
 * used once the operation is found, and before the body is read: who has no key cannot make us read one.
 */
export function authenticate(credentials: Credentials): RequestHandler {
  return async (req, res, next) => {
    if (!isOpen(req)) setCaller(req, await callerBy(credentials, req, res));
    next();
  };
}

/** Lets only those pass who may do what the operation needs. Throws `forbidden`, and 404 or 405 where there is no operation. */
export const authorise: RequestHandler = (req, _res, next) => {
  assertServed(req);
  if (!isOpen(req)) {
    const { scopes } = callerOf(req);
    const missing = scopesNeeded(req).filter((needed) => !mayDo(scopes, needed));
    if (missing.length > 0) throw new TriageError('forbidden', `this needs the scope ${missing.join(' and ')}, which the credential does not have`);
  }
  next();
};

async function callerBy({ keys, tokens, guesses }: Credentials, req: Request, res: Response): Promise<Caller> {
  const secret = secretOf(req);
  if (secret === undefined) throw new TriageError('unauthorized', 'an API key is needed, as `Authorization: Bearer pt_...` or `X-Api-Key: pt_...`');
  const token = tokens !== undefined && isToken(secret);
  const claimed = token ? tokens.claimed(secret) : keyIdOf(secret);
  const source = sourceOf(req);
  // Redis is asked both at once.
  const looked = token ? tokens.verify(secret) : byKey(keys, secret);
  const [caller, { look, slowedMs }] = await Promise.all([looked, guesses.standing(source, claimed)]);
  if (look && caller !== undefined) {
    if (claimed !== undefined) await guesses.right(source, claimed);
    return caller;
  }
  if (look) await guesses.wrong(source);
  if (slowedMs === undefined) throw new TriageError('unauthorized', 'the API key is not known; it may have been replaced or revoked');
  res.set('Retry-After', String(Math.ceil(slowedMs / 1_000)));
  throw new TriageError('rate-limited', 'too many wrong credentials have come from this address; try again later');
}

async function byKey(keys: ApiKeys, secret: string): Promise<Caller | undefined> {
  const key = await keys.verify(secret);
  return key === undefined ? undefined : { actor: `key:${key.id}`, scopes: key.scopes, reach: key.reach };
}

/** Of IPv6 the network, as one host can have a whole one. */
function sourceOf(req: Request): string {
  return req.ip === undefined ? 'unknown' : ipKeyGenerator(req.ip, 64);
}

function secretOf(req: Request): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '');
  return bearer?.[1] ?? req.get('x-api-key');
}
