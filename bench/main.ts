import { changes } from './changes.js';
import { content } from './content.js';
import { footprint } from './footprint.js';
import { quota } from './quota.js';
import { storm } from './storm.js';
import { stream } from './stream.js';
import { triage } from './triage.js';

/** Benchmarks by name; each prints what it does and returns one JSON object, the last line. */
const benches: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = { changes, content, footprint, quota, storm, stream, triage };

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  process.stderr.write(`usage: npm run -s bench -- ${Object.keys(benches).join('|')}\n`);
  process.exitCode = 1;
} else {
  const result = await bench();
  process.stdout.write(`${JSON.stringify({ bench: name, ...result })}\n`);
}
