import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import type { Facts } from '../../playbooks/facts.js';
import type { RunReader, RunView } from '../../store/run-view.js';
import type { ApiDeps } from '../deps.js';
import { openForCaller } from '../given-away.js';
import { latestReport } from '../latest-report.js';
import { sendStream } from '../page.js';
import { requireEvidence } from '../require-evidence.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

const formats = ['json', 'markdown', 'html', 'csv'] as const;
type Format = (typeof formats)[number];

const types: Readonly<Record<Format, string>> = { json: 'application/json', markdown: 'text/markdown', html: 'text/html', csv: 'text/csv' };

const querySchema = z.object({ version: z.coerce.number().int().positive().optional(), format: z.enum(formats).optional() });

/** `/runs/{run}/report`, byte for byte as it is in the evidence store: the newest version, or the one asked for. */
export function reportRoutes({ runs, evidence, acts }: Pick<ApiDeps, 'runs' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/report', async (req, res) => {
    const view = await requireEvidence(runs, req);
    const query = querySchema.parse(req.query);
    const format = query.format ?? formatOf(req);
    const report = await versionOf(runs, view, query.version);
    const sha256 = format === 'csv' ? report.timeline : report[format];
    res.set('ETag', `"${sha256}"`).vary('Accept');
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    const bytes = await openForCaller({ evidence, acts }, req, { what: 'report', sha256, format });
    guard(res, format, view.id);
    await sendStream(res, types[format], bytes);
  });
}

type Forms = Omit<Facts['report'], 'version'>;

async function versionOf(runs: RunReader, view: RunView, version: number | undefined): Promise<Forms> {
  if (version === undefined) return latestReport(runs, view);
  const amendment = view.amendments.find((each) => each.version === version);
  if (amendment !== undefined) return amendment.report;
  const { report } = await factsOf(runs, view.id);
  if (report?.version === version) return report;
  throw new TriageError('not-found', whyMissing(view, `there is no version ${version} of the report`));
}

function formatOf(req: Request<{ run: string }>): Format {
  const type = req.accepts(Object.values(types));
  const format = formats.find((each) => types[each] === type);
  if (format === undefined) throw new TriageError('invalid-request', `ask for one of ${Object.values(types).join(', ')}`);
  return format;
}

/**
 * What a browser may do with the page, whatever is in it. Its own style is allowed by the hash in the page itself, which no header can know: older
 * versions have other styles, and both policies hold.
 */
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

function guard(res: Response, format: Format, run: string): void {
  res.set('X-Content-Type-Options', 'nosniff');
  if (format === 'html') res.set('Content-Security-Policy', pagePolicy);
  if (format === 'csv') res.attachment(`${run.replaceAll(/[^\w-]/g, '')}-timeline.csv`);
}
