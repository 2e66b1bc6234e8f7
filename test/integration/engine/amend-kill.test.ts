import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { Amendments } from '../../../store/amendments.js';
import { LateEngine, tally } from './late-engine.js';
import { hashOf } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const program = fileURLToPath(new URL('late-worker.ts', import.meta.url));
const children: ChildProcess[] = [];
const hashes = [0, 1, 2].map((at) => hashOf(`p${at}`));

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A worker process; `line` resolves when it has said the given line so many times from then on. */
function worker(it: LateEngine): { line(text: string, times: number): Promise<void>; kill(): Promise<void> } {
  const { server, prefix, folder } = engine();
  const options = { socket: server.socket, prefix, keys: folder, evidence: it.folder };
  const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  return {
    line: (text, times) =>
      new Promise((resolve) => {
        let seen = 0;
        lines.on('line', (said) => {
          if (said === text && (seen += 1) === times) resolve();
        });
      }),
    async kill() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

// What an amendment keeps: the listing of lookups, the report as JSON and as Markdown. Then it is recorded.
test.each([1, 2, 3])(
  'a worker that dies when it keeps piece %i of an amendment leaves it to the next one, once',
  { timeout: 60_000 },
  async (piece) => {
    const it = await LateEngine.create(engine(), new LateSource());
    const first = worker(it);
    await first.line('ready', 1);
    const run = await it.open('few', { deadlineSeconds: 1 });
    expect(await engine().ended(run)).toMatchObject({ reportVersion: 1, pendingLookups: 3 });
    const dying = first.line('put', piece);
    const desk = engine().desk;
    for (const sha256 of hashes) await desk.keep({ sha256, source: 'test', status: 'undetected', askedAt: new Date().toISOString(), cached: false });
    const amendments = new Amendments(engine().redis, engine().keys, engine().queues, 200);
    for (const sha256 of hashes) await amendments.answered({ sha256, status: 'undetected' });
    await dying;
    await first.kill();
    expect(await engine().reader.get(run)).toMatchObject({ reportVersion: 1, amendments: [] });
    expect(await engine().reader.lookups(run)).toEqual([]);
    worker(it);
    const view = await engine().until(run, ({ reportVersion }) => reportVersion === 2, 40_000);
    expect(view.amendments).toMatchObject([{ version: 2, answered: 3, pending: 0 }]);
    expect(tally(await engine().reader.lookups(run))).toEqual({ undetected: 3 });
    const acts = (await engine().entries(run)).map(({ act }) => act);
    expect(acts.filter((act) => act === 'run.amended')).toHaveLength(1);
    expect(acts.filter((act) => act === 'report.written')).toHaveLength(2);
    await it.verified(run);
  },
);
