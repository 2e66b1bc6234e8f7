import { type Request, Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import type { ApiDeps } from '../deps.js';
import { sendStream } from '../page.js';
import { requireRun } from '../require-run.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

const types = { json: 'application/json', markdown: 'text/markdown' } as const;
type Format = keyof typeof types;

/** `/runs/{run}/report`, byte for byte as it is in the evidence store. */
export function reportRoutes({ runs, evidence }: Pick<ApiDeps, 'runs' | 'evidence'>): Router {
  return Router().get('/api/v1/runs/:run/report', async (req, res) => {
    const view = await requireRun(runs, req);
    const format = formatOf(req);
    const { report } = await factsOf(runs, view.id);
    if (report === undefined) throw new TriageError('not-found', whyMissing(view, 'there is no report'));
    const tag = `"${report[format]}"`;
    res.set('ETag', tag).vary('Accept');
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    await sendStream(res, types[format], await evidence.open(report[format]));
  });
}

function formatOf(req: Request<{ run: string }>): Format {
  const asked = req.query['format'];
  if (asked === 'json' || asked === 'markdown') return asked;
  const type = req.accepts([types.json, types.markdown]);
  if (type === false) throw new TriageError('invalid-request', 'ask for application/json or text/markdown');
  return type === types.markdown ? 'markdown' : 'json';
}
