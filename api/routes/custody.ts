import { type Request, type Response, Router } from 'express';
import { ChainCheck, type ChainVerdict, type CustodyEntry, custodyEntrySchema, registerChain } from '../../playbooks/domain/custody.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { PublicKey } from '../../store/public-keys.js';
import type { RunReader } from '../../store/run-view.js';
import { callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { pageOf, sendStream, wantsLines } from '../page.js';
import { RegisterView } from '../register-view.js';
import { requireRun } from '../require-run.js';

/** How many entries are read and checked at once: about 50 ms of signatures. */
const chunk = 250;

type ChainDeps = Pick<ApiDeps, 'runs' | 'publicKeys'>;

/** `/runs/{run}/custody` and `/register`: pages for people, the whole chain as signed for those who check it. */
export function custodyRoutes(deps: ChainDeps): Router {
  return Router()
    .get('/api/v1/runs/:run/custody', async (req, res) => {
      const { id } = await requireRun(deps.runs, req);
      await sendChain(deps, id, req, res);
    })
    .get('/api/v1/register', async (req, res) => {
      const register = new RegisterView(deps.runs, callerOf(req).reach);
      await sendChain(deps, registerChain, req, res, (lines) => register.cut(lines));
    });
}

type Cut = (lines: readonly string[]) => Promise<readonly string[]>;
const whole: Cut = (lines) => Promise.resolve(lines);

/** @param cut leaves out what the caller may not see; it is verified all the same */
async function sendChain(
  { runs, publicKeys }: ChainDeps,
  id: string,
  req: Pick<Request, 'query' | 'accepts'>,
  res: Response,
  cut = whole,
): Promise<void> {
  if (wantsLines(req)) {
    await sendStream(res, 'application/x-ndjson', terminated(chain(runs, id, cut)));
    return;
  }
  const { from, limit } = pageOf(req);
  const lines = await runs.custody(id, from, limit + 1);
  res.json({
    entries: (await cut(lines.slice(0, limit))).map(readEntry),
    ...(lines.length > limit ? { next: String(from + limit) } : {}),
    ...(asksVerification(req.query) ? { verification: await verify(runs, id, await publicKeys()) } : {}),
  });
}

/** The contract has made it a boolean; as a word it comes only where nothing has been made of it. */
function asksVerification(query: Readonly<Record<string, unknown>>): boolean {
  return query['verify'] === true || query['verify'] === 'true';
}

async function* chain(runs: RunReader, run: string, cut = whole): AsyncGenerator<string> {
  for (let from = 0; ; from += chunk) {
    const lines = await runs.custody(run, from, chunk);
    yield* await cut(lines);
    if (lines.length < chunk) return;
  }
}

async function* terminated(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function verify(runs: RunReader, run: string, keys: readonly PublicKey[]): Promise<ChainVerdict> {
  const check = new ChainCheck(run, new Map(keys.map(({ kid, key }) => [kid, key])));
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
