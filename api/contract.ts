import { join } from 'node:path';
import type { Request, RequestHandler } from 'express';
import { middleware } from 'express-openapi-validator';
import type { Logger } from 'pino';
import { TriageError } from '../playbooks/domain/error.js';
import { packageRoot } from '../store/package-root.js';

/** The file of the contract. */
export function contractFile(): string {
  return join(packageRoot(), 'openapi.yaml');
}

/** What the contract does with a request, in this order. */
export interface Contract {
  /** Finds its operation. Where there is none, that is kept for {@link assertServed}: who has no key is not told. */
  readonly find: readonly RequestHandler[];
  /** Holds the request, once its body is read, and the answer to the contract. */
  readonly hold: readonly RequestHandler[];
}

const misses = new WeakMap<Request, Error>();

/** See `ApiDeps.answers`. Answers that are streamed (NDJSON, reports) pass unseen. */
export function openContract(answers: 'report' | 'enforce', log: Logger): Contract {
  const report = (error: Error, _body: unknown, req: { method: string; path: string }): void => {
    log.error({ err: error, method: req.method, path: req.path }, 'an answer broke the contract and was sent all the same');
  };
  // The first two read the contract and find the operation. Were it otherwise, there would be no operation, and nothing would be served.
  const [read, find, ...hold] = middleware({
    apiSpec: contractFile(),
    validateApiSpec: true,
    validateRequests: { allErrors: true, allowUnknownQueryParameters: false },
    validateResponses: { allErrors: true, ...(answers === 'report' ? { onError: report } : {}) },
    validateSecurity: false,
    fileUploader: false,
  }) as [RequestHandler, RequestHandler, ...RequestHandler[]];
  return { find: [read, keepMiss(find)], hold };
}

/** In a path with these Express reads slashes where the contract sees none: it would route to another operation than the one that was looked at. */
const twoPaths = /^[^?]*[\\#]/;

function keepMiss(find: RequestHandler): RequestHandler {
  return (req, res, next) => {
    const done = (error?: unknown): void => {
      if (error instanceof Error) misses.set(req, error);
      else if (error !== undefined) misses.set(req, new Error('the contract could not be asked', { cause: error }));
      next();
    };
    if (!twoPaths.test(req.originalUrl)) return find(req, res, done);
    done(new TriageError('not-found', 'no path here has such characters'));
    return undefined;
  };
}

/** Throws what the contract says to a request that it has no operation for: 404, or 405 with the methods that there are. */
export function assertServed(req: Request): void {
  const miss = misses.get(req);
  if (miss !== undefined) throw miss;
}
