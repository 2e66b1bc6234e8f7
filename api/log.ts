import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import { displayText } from '../playbooks/domain/path-name.js';

/** So that all lines about a run can be found by its id. */
const runInPath = /^\/api\/v1\/runs\/(r[0-9a-z]{1,40})(?:[/?]|$)/;
const callersId = /^[A-Za-z0-9_-]{1,64}$/;

/** Gives each request an id (the caller's `X-Request-Id` if it is harmless) and logs it. Headers and bodies are never logged: keys are in them. */
export function logRequests(log: Logger): RequestHandler {
  return pinoHttp({
    logger: log,
    genReqId: (req: IncomingMessage, res) => {
      const given = req.headers['x-request-id'];
      const id = typeof given === 'string' && callersId.test(given) ? given : randomUUID();
      res.setHeader('X-Request-Id', id);
      return id;
    },
    customProps: (req: IncomingMessage) => {
      const run = runInPath.exec(req.url ?? '')?.[1];
      return run === undefined ? {} : { run };
    },
    customLogLevel: (_req, res, error) => (error !== undefined || res.statusCode >= 500 ? 'error' : 'debug'),
    serializers: {
      req: ({ id, method, url }: { id: unknown; method: string; url: string }) => ({ id, method, url: displayText(url.slice(0, 500)) }),
      res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
    },
  });
}
