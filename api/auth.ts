import type { Request, RequestHandler } from 'express';
import { TriageError } from '../playbooks/domain/error.js';
import type { ApiKeys } from '../store/api-keys.js';
import { setCaller } from './caller.js';

/** Paths that need no key: they say nothing of any run. */
const openPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/openapi.yaml', '/.well-known/jwks.json', '/schemas/report.json']);

/** Intakes that check who sends by themselves, before anything is done: a signature over the body. */
const selfChecked = /^\/api\/v1\/intake\/(slack|generic\/[a-z0-9-]{1,63})$/;

/** Lets only those pass who hold an API key, as `Authorization: Bearer` or `X-Api-Key`. */
export function authenticate(keys: ApiKeys): RequestHandler {
  return async (req, _res, next) => {
    if (openPaths.has(req.path) || selfChecked.test(req.path)) {
      next();
      return;
    }
    const secret = secretOf(req);
    if (secret === undefined) throw new TriageError('unauthorized', 'an API key is needed, as `Authorization: Bearer pt_...` or `X-Api-Key: pt_...`');
    const key = await keys.verify(secret);
    if (key === undefined) throw new TriageError('unauthorized', 'the API key is not known; it may have been replaced');
    setCaller(req, { actor: `key:${key.id}`, scopes: key.scopes, reach: key.reach });
    next();
  };
}

function secretOf(req: Request): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '');
  return bearer?.[1] ?? req.get('x-api-key');
}
