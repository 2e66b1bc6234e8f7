import type { Readable } from 'node:stream';
import { Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { parseJson } from '../../playbooks/domain/json.js';
import { fleetCsv } from '../../playbooks/fleet/csv.js';
import { type FleetReport, fleetReportSchema } from '../../playbooks/fleet/report.js';
import type { ApiDeps } from '../deps.js';
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
    const read = await readReport(await deps.evidence.open(report.sha256), report.sha256);
    if (format === 'json') res.json(read);
    else res.attachment(`${id}.csv`).type('text/csv').send(fleetCsv(read));
  });
}

async function readReport(source: Readable, sha256: string): Promise<FleetReport> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxReportBytes) throw new TriageError('limit-exceeded', `report ${sha256} has more than ${maxReportBytes} bytes`);
    chunks.push(chunk);
  }
  const parsed = fleetReportSchema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (!parsed.success) throw new TriageError('store-corrupt', `report ${sha256} is no fleet report that this version of the service can read`);
  return parsed.data;
}
