import type { Readable } from 'node:stream';
import { Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import { parseJson } from '../../playbooks/domain/json.js';
import { compactOf } from '../../playbooks/report/compact.js';
import { type Report, reportSchema } from '../../playbooks/report/model.js';
import type { ApiDeps } from '../deps.js';
import { openForCaller } from '../given-away.js';
import { latestReport } from '../latest-report.js';
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
    res.json(compactOf(await readReport(await openForCaller({ evidence, acts }, req, { what: 'summary', sha256: json }), json)));
  });
}

async function readReport(source: Readable, sha256: string): Promise<Report> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxReportBytes) throw new TriageError('limit-exceeded', `report ${sha256} has more than ${maxReportBytes} bytes`);
    chunks.push(chunk);
  }
  const parsed = reportSchema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (!parsed.success) throw new TriageError('store-corrupt', `report ${sha256} is no report that this version of the service can read`);
  return parsed.data;
}
