import type { Request, RequestHandler } from 'express';
import { TriageError } from '../playbooks/domain/error.js';
import type { ApiKey, ApiKeys } from '../store/api-keys.js';

/** Paths that need no key: they say nothing of any run. */
const openPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/openapi.yaml', '/.well-known/jwks.json', '/schemas/report.json']);

const callers = new WeakMap<Request, ApiKey>();

/** Lets only those pass who hold an API key, as `Authorization: Bearer` or `X-Api-Key`. */
export function authenticate(keys: ApiKeys): RequestHandler {
  return async (req, _res, next) => {
    if (openPaths.has(req.path)) {
      next();
      return;
    }
    const secret = secretOf(req);
    if (secret === undefined) throw new TriageError('unauthorized', 'an API key is needed, as `Authorization: Bearer pt_...` or `X-Api-Key: pt_...`');
    const key = await keys.verify(secret);
    if (key === undefined) throw new TriageError('unauthorized', 'the API key is not known; it may have been replaced');
    callers.set(req, key);
    next();
  };
}

/** The key of who asks. Throws `unauthorized` on a path that is open. */
function callerOf(req: Request): ApiKey {
  const key = callers.get(req);
  if (key === undefined) throw new TriageError('unauthorized', 'an API key is needed');
  return key;
}

/** Who asks, as custody names him: `key:<id>`. Throws `unauthorized` on a path that is open. */
export function actorOf(req: Request): string {
  return `key:${callerOf(req).id}`;
}

function secretOf(req: Request): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '');
  return bearer?.[1] ?? req.get('x-api-key');
}
