type Bench = () => Promise<Record<string, unknown>>;

/** Benchmarks by name; each prints what it does and returns one JSON object, the last line. Loaded by name, as some need the lab. */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  bag: async () => (await import('./bag.js')).bag,
  batch: async () => (await import('./batch.js')).batch,
  changes: async () => (await import('./changes.js')).changes,
  content: async () => (await import('./content.js')).content,
  custody: async () => (await import('./custody.js')).custody,
  engine: async () => (await import('./engine.js')).engine,
  footprint: async () => (await import('./footprint.js')).footprint,
  quota: async () => (await import('./quota.js')).quota,
  storm: async () => (await import('./storm.js')).storm,
  stream: async () => (await import('./stream.js')).stream,
  triage: async () => (await import('./triage.js')).triage,
};

const name = process.argv[2] ?? '';
const load = benches[name];
if (load === undefined) {
  process.stderr.write(`usage: npm run -s bench -- ${Object.keys(benches).join('|')}\n`);
  process.exitCode = 1;
} else {
  const bench = await load();
  process.stdout.write(`${JSON.stringify({ bench: name, ...(await bench()) })}\n`);
}
