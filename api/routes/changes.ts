import { Router } from 'express';
import { type Change, changeSchema } from '../../playbooks/domain/change.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { EvidencePort } from '../../playbooks/ports.js';
import type { ApiDeps } from '../deps.js';
import { splitLines } from '../lines.js';
import { nextOf, type Page, pageOf, sendStream, wantsLines } from '../page.js';
import { requireRun } from '../require-run.js';
import { factsOf } from '../run-facts.js';
import { whyMissing } from '../why-missing.js';

/** `/runs/{run}/changes`, read from the listing in the evidence store. */
export function changeRoutes({ runs, evidence }: Pick<ApiDeps, 'runs' | 'evidence'>): Router {
  return Router().get('/api/v1/runs/:run/changes', async (req, res) => {
    const view = await requireRun(runs, req);
    const { changes: listing } = await factsOf(runs, view.id);
    if (listing === undefined) throw new TriageError('not-found', whyMissing(view, 'the changes have not been listed'));
    if (wantsLines(req)) {
      await sendStream(res, 'application/x-ndjson', await evidence.open(listing.sha256));
      return;
    }
    const page = pageOf(req);
    const changes = await readPage(evidence, listing.sha256, page);
    res.json({ changes, count: listing.count, sha256: listing.sha256, ...nextOf(page, listing.count) });
  });
}

async function readPage(evidence: EvidencePort, sha256: string, { from, limit }: Page): Promise<Change[]> {
  const changes: Change[] = [];
  let at = 0;
  for await (const line of splitLines(await evidence.open(sha256))) {
    if (at >= from) changes.push(parseChange(line, at));
    at += 1;
    if (changes.length === limit) break;
  }
  return changes;
}

function parseChange(line: string, at: number): Change {
  try {
    return changeSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new TriageError('store-corrupt', `line ${at + 1} of a listing of changes is no change`, { cause });
  }
}
