import { join } from 'node:path';
import type { RequestHandler } from 'express';
import { middleware } from 'express-openapi-validator';
import type { Logger } from 'pino';
import { packageRoot } from '../store/package-root.js';

/** The file of the contract. */
export function contractFile(): string {
  return join(packageRoot(), 'openapi.yaml');
}

/** Holds requests and answers to the contract; see `ApiDeps.answers`. Answers that are streamed (NDJSON, reports) pass unseen. */
export function holdToContract(answers: 'report' | 'enforce', log: Logger): RequestHandler[] {
  const report = (error: Error, _body: unknown, req: { method: string; path: string }): void => {
    log.error({ err: error, method: req.method, path: req.path }, 'an answer broke the contract and was sent all the same');
  };
  return middleware({
    apiSpec: contractFile(),
    validateApiSpec: true,
    validateRequests: { allErrors: true, allowUnknownQueryParameters: false },
    validateResponses: { allErrors: true, ...(answers === 'report' ? { onError: report } : {}) },
    validateSecurity: false,
    fileUploader: false,
  }) as RequestHandler[];
}
