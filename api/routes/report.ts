import { type Request, Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import type { Facts } from '../../playbooks/facts.js';
import type { RunReader, RunView } from '../../store/run-view.js';
import type { ApiDeps } from '../deps.js';
import { openForCaller } from '../given-away.js';
import { latestReport } from '../latest-report.js';
import { sendStream } from '../page.js';
import { requireRun } from '../require-run.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

const types = { json: 'application/json', markdown: 'text/markdown' } as const;
type Format = keyof typeof types;

const versionSchema = z.object({ version: z.coerce.number().int().positive().optional() });

/** `/runs/{run}/report`, byte for byte as it is in the evidence store: the newest version, or the one asked for. */
export function reportRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/report', async (req, res) => {
    const view = await requireRun(runs, req);
    const format = formatOf(req);
    const report = await versionOf(runs, view, versionSchema.parse(req.query).version);
    const tag = `"${report[format]}"`;
    res.set('ETag', tag).vary('Accept');
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    await sendStream(res, types[format], await openForCaller({ evidence, acts }, req, { what: 'report', sha256: report[format], format }));
  });
}

async function versionOf(runs: RunReader, view: RunView, version: number | undefined): Promise<Pick<Facts['report'], Format>> {
  if (version === undefined) return latestReport(runs, view);
  const amendment = view.amendments.find((each) => each.version === version);
  if (amendment !== undefined) return amendment.report;
  const { report } = await factsOf(runs, view.id);
  if (report?.version === version) return report;
  throw new TriageError('not-found', whyMissing(view, `there is no version ${version} of the report`));
}

function formatOf(req: Request<{ run: string }>): Format {
  const asked = req.query['format'];
  if (asked === 'json' || asked === 'markdown') return asked;
  const type = req.accepts([types.json, types.markdown]);
  if (type === false) throw new TriageError('invalid-request', 'ask for application/json or text/markdown');
  return type === types.markdown ? 'markdown' : 'json';
}
