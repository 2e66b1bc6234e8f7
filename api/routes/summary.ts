import { Router } from 'express';
import { compactOf } from '../../playbooks/report/compact.js';
import { reportSchema } from '../../playbooks/report/model.js';
import type { ApiDeps } from '../deps.js';
import { openForCaller } from '../given-away.js';
import { latestReport } from '../latest-report.js';
import { readReport } from '../read-report.js';
import { requireEvidence } from '../require-evidence.js';

/** A report bounds its own rows to a few lists of 8 MiB: more than this is none of ours. */
const maxReportBytes = 128 * 1024 * 1024;

/** `/runs/{run}/summary`: the newest report in under 4 KiB, for orchestrators. */
export function summaryRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/summary', async (req, res) => {
    const { json } = await latestReport(runs, await requireEvidence(runs, req));
    res.set('ETag', `"${json}"`);
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    const source = await openForCaller({ evidence, acts }, req, { what: 'summary', sha256: json });
    res.json(compactOf(await readReport(source, { sha256: json, schema: reportSchema, maxBytes: maxReportBytes })));
  });
}
