import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { type ErrorCode, TriageError } from '../playbooks/domain/error.js';

/** Codes that only HTTP knows, beside those of TriageError. */
type HttpCode = 'method-not-allowed' | 'not-acceptable' | 'body-too-large' | 'unsupported-media-type';

/** One field that was not accepted. */
export interface FieldProblem {
  readonly in: 'body' | 'query' | 'path' | 'header';
  /** JSON pointer as a URI fragment. */
  readonly pointer: string;
  readonly detail: string;
}

/** Problem details (RFC 9457) as the contract has them. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly instance?: string;
  readonly errors?: readonly FieldProblem[];
}

/** The only map from error codes to HTTP; codes that are not here are 500, and told as `internal`. docs/problems.md explains each. */
export const statuses: Partial<Record<ErrorCode | HttpCode, number>> = {
  'invalid-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  conflict: 409,
  'custody-broken': 409,
  'evidence-destroyed': 410,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'batch-too-large': 422,
  'endpoint-unknown': 422,
  'idempotency-mismatch': 422,
  'playbook-unknown': 422,
  'unknown-cluster': 422,
  'rate-limited': 429,
  'issuer-unavailable': 503,
  'redis-unavailable': 503,
  'store-full': 503,
  'store-unwritable': 503,
};

const httpCodes: Readonly<Record<number, ErrorCode | HttpCode>> = {
  400: 'invalid-request',
  401: 'unauthorized',
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  413: 'body-too-large',
  415: 'unsupported-media-type',
};

/** Errors of body parser and contract validator. */
const httpErrorSchema = z.object({
  status: z.int().min(400).max(499),
  message: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  headers: z.object({ Allow: z.string().optional() }).optional(),
});

/** Says in the words of the API what went wrong. What is not the caller's fault is told without internals. */
export function problemOf(error: unknown, instance: string): Problem {
  if (error instanceof TriageError) return problem(error.code, error.message, instance);
  if (error instanceof z.ZodError) return problem('invalid-request', 'the request is not valid', instance, error.issues.map(zodField));
  const http = httpErrorSchema.safeParse(error);
  const code = http.success ? httpCodes[http.data.status] : undefined;
  if (!http.success || code === undefined) return problem('internal', '', instance);
  return problem(code, http.data.message, instance, http.data.errors?.flatMap(contractField));
}

function problem(code: ErrorCode | HttpCode, message: string, instance: string, errors: readonly FieldProblem[] = []): Problem {
  const status = statuses[code] ?? 500;
  const known = status === 500 ? 'internal' : code;
  return {
    type: `urn:podtriage:problem:${known}`,
    title: known.replaceAll('-', ' '),
    status,
    detail: status < 500 ? message : outage(status, code, instance),
    code: known,
    instance,
    ...(errors.length > 0 ? { errors } : {}),
  };
}

function outage(status: number, code: string, instance: string): string {
  if (status === 500) return `internal error; the log of the service has it under request ${instance}`;
  if (code === 'issuer-unavailable') return 'the issuer of tokens does not answer, so that yours cannot be checked; an API key needs no issuer';
  if (code === 'redis-unavailable')
    return 'Redis does not answer; a run may or may not have been opened, look at the list of runs before you try again';
  return 'the evidence store cannot be written; look at its disk and permissions';
}

function zodField(issue: z.core.$ZodIssue): FieldProblem {
  return { in: 'body', pointer: pointer(issue.path.map(String)), detail: issue.message };
}

const parts: Readonly<Record<string, FieldProblem['in']>> = { body: 'body', query: 'query', params: 'path', headers: 'header' };

function contractField({ path, message }: { path: string; message: string }): FieldProblem[] {
  const [, part = '', ...rest] = path.split('/');
  const place = parts[part];
  return place === undefined ? [] : [{ in: place, pointer: rest.length === 0 ? '#' : `#/${rest.join('/')}`, detail: message }];
}

function pointer(path: readonly string[]): string {
  return `#${path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`;
}

/** Answers what no route has answered. */
export const notFound: RequestHandler = (req) => {
  throw new TriageError('not-found', `there is no ${req.method} ${req.path}`);
};

/** The last handler: every error becomes a problem; those that are our fault are logged with all they hold. */
export const answerError: ErrorRequestHandler = (error: unknown, req, res, next) => {
  if (res.headersSent) {
    req.log.warn({ err: error }, 'an answer broke off');
    // Express then cuts the connection: the caller sees that the answer is not whole.
    next(error);
    return;
  }
  const answer = problemOf(error, requestId(res));
  if (answer.status >= 500) req.log.error({ err: error }, 'request failed');
  setHeaders(error, answer.status, res);
  res.status(answer.status).type('application/problem+json').json(answer);
};

function requestId(res: Response): string {
  const id = res.getHeader('X-Request-Id');
  return typeof id === 'string' ? id : 'unknown';
}

function setHeaders(error: unknown, status: number, res: Response): void {
  const http = httpErrorSchema.safeParse(error);
  if (http.data?.headers?.Allow !== undefined) res.set('Allow', http.data.headers.Allow);
  if (status === 401) res.set('WWW-Authenticate', 'Bearer realm="podtriage"');
  if ((status === 503 || status === 429) && !res.hasHeader('Retry-After')) res.set('Retry-After', '5');
}
