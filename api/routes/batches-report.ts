import { Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { fleetCsv } from '../../playbooks/fleet/csv.js';
import { fleetReportSchema } from '../../playbooks/fleet/report.js';
import type { ApiDeps } from '../deps.js';
import { readReport } from '../read-report.js';
import { requireBatch } from './batches.js';

/** The rows of a report are bounded; of this size it is none of ours. */
const maxReportBytes = 256 * 1024 * 1024;

const querySchema = z.object({ format: z.enum(['json', 'csv']).default('json') });

/** `/batches/{batch}/report`: the fleet view of a batch that has ended. */
export function batchReportRoutes(deps: ApiDeps): Router {
  return Router().get('/api/v1/batches/:batch/report', async (req, res) => {
    const { format } = querySchema.parse(req.query);
    const { id, report } = await requireBatch(deps, req, req.params.batch);
    if (report === undefined) throw new TriageError('not-found', `batch ${id} has no report yet; it is written when all of its runs have ended`);
    res.set('ETag', `"${report.sha256}.${format}"`);
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    const { sha256 } = report;
    const read = await readReport(await deps.evidence.open(sha256), { sha256, schema: fleetReportSchema, maxBytes: maxReportBytes });
    if (format === 'json') res.json(read);
    else res.attachment(`${id}.csv`).type('text/csv').send(fleetCsv(read));
  });
}
