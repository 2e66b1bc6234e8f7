import { Router } from 'express';
import { ChainCheck, type ChainVerdict, type CustodyEntry, custodyEntrySchema } from '../../playbooks/domain/custody.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { RunReader } from '../../store/run-view.js';
import type { ApiDeps } from '../deps.js';
import { pageOf, sendStream, wantsLines } from '../page.js';
import { requireRun } from '../require-run.js';

/** How many entries are read and checked at once: about 50 ms of signatures. */
const chunk = 250;

/** `/runs/{run}/custody`: pages for people, the whole chain as signed for those who check it. */
export function custodyRoutes({ runs, publicKeys }: Pick<ApiDeps, 'runs' | 'publicKeys'>): Router {
  return Router().get('/api/v1/runs/:run/custody', async (req, res) => {
    const { id } = await requireRun(runs, req);
    if (wantsLines(req)) {
      await sendStream(res, 'application/x-ndjson', terminated(chain(runs, id)));
      return;
    }
    const { from, limit } = pageOf(req);
    const lines = await runs.custody(id, from, limit + 1);
    res.json({
      entries: lines.slice(0, limit).map(readEntry),
      ...(lines.length > limit ? { next: String(from + limit) } : {}),
      ...(asksVerification(req.query) ? { verification: await verify(runs, id, publicKeys) } : {}),
    });
  });
}

/** The contract has made it a boolean; as a word it comes only where nothing has been made of it. */
function asksVerification(query: Readonly<Record<string, unknown>>): boolean {
  return query['verify'] === true || query['verify'] === 'true';
}

async function* chain(runs: RunReader, run: string): AsyncGenerator<string> {
  for (let from = 0; ; from += chunk) {
    const lines = await runs.custody(run, from, chunk);
    yield* lines;
    if (lines.length < chunk) return;
  }
}

async function* terminated(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function verify(runs: RunReader, run: string, keys: ApiDeps['publicKeys']): Promise<ChainVerdict> {
  const check = new ChainCheck(run, keys);
  for await (const line of chain(runs, run)) if (check.add(line) === undefined) break;
  return check.verdict();
}

function readEntry(line: string): CustodyEntry | { unreadable: string } {
  try {
    return custodyEntrySchema.parse(JSON.parse(line));
  } catch {
    return { unreadable: displayText(line.slice(0, 1_000)) };
  }
}
