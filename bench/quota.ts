import { sha256Hex } from '../playbooks/domain/custody.js';
import type { IntelPort } from '../playbooks/ports.js';
import { Engine } from '../test/integration/engine/engine.js';
import { fakePorts } from '../test/integration/engine/fake-ports.js';
import { askMany } from '../test/integration/engine/lookup-storm.js';
import { RedisChild } from '../test/integration/engine/redis-child.js';

const deskHashes = 2_000;

/**
 * Many runs that share hashes, at full speed under 1,000 requests a minute: each hash costs one request (`ratio` 1), and what runs are told
 * about the end of their wait holds. Then what the desk itself costs: hashes asked about through one worker, whose source answers at once.
 */
export async function quota(): Promise<Record<string, unknown>> {
  const { unique, requests, ...numbers } = await askMany({
    batch: { runs: 400, hashes: 1_600 },
    urgent: { runs: 100, hashes: 400 },
    perRun: 20,
    workers: 2,
    limits: { perMinute: 1_000, perDay: 1_000_000, perMonth: 1_000_000 },
    minuteMs: 60_000,
    killEveryMs: 0,
    limitMs: 600_000,
  });
  return { ratio: unique / requests, unique, requests, ...numbers, desk_ms_per_hash: await deskOverhead() };
}

async function deskOverhead(): Promise<number> {
  const server = await RedisChild.start();
  const engine = await Engine.create(server);
  try {
    const wide = { perMinute: 1_000_000, perDay: 1_000_000, perMonth: 1_000_000 };
    const { source, done } = countedSource();
    await engine.runner({ ports: { ...fakePorts, intel: source }, quotaLimits: wide });
    const wanted = Array.from({ length: deskHashes }, (_, at) => ({ sha256: sha256Hex(`desk ${at}`), rank: 3 as const }));
    const started = performance.now();
    await engine.desk.ask('bench.lookup', wanted, 'interactive');
    await done;
    return Math.round(((performance.now() - started) / deskHashes) * 1000) / 1000;
  } finally {
    await engine.stop();
    await server.stop();
  }
}

/** A source that has never seen anything and says so at once. */
function countedSource(): { source: IntelPort; done: Promise<void> } {
  let end = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  let asked = 0;
  const source: IntelPort = {
    source: 'bench',
    lookup(sha256) {
      asked += 1;
      if (asked === deskHashes) end();
      return Promise.resolve({ lookup: { sha256, source: 'bench', status: 'unknown', askedAt: new Date().toISOString() } });
    },
  };
  return { source, done };
}
