import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type Artifact, artifactId } from '../../../playbooks/domain/artifact.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { StoredEvidence } from '../../../playbooks/ports.js';
import type { Alert } from '../../../store/alert.js';
import type { EvidenceRemover } from '../../../store/evidence/keeper.js';
import { takeOver } from '../../../store/run-log.js';
import { collectEvidence } from '../../../workers/runner/collect.js';
import { contentsOf, type ReferringEvidence, referringEvidence } from '../../../workers/runner/referring-evidence.js';
import { fakePorts } from './fake-ports.js';
import { closing, contentOf, contents, type LifeOptions, lostOf, openParts } from './life-parts.js';

/**
 * One of several processes that share a store: makes runs which record some of the same few contents, destroys them, and collects, all at
 * random and for ever. Whoever kills or suspends it does so anywhere. Prints a line for each act.
 */
const alert: Alert = ({ message }) => process.stdout.write(`alert ${message}\n`);
const parts = await openParts(JSON.parse(process.argv[2] ?? '') as LifeOptions, alert);
const { references, log, life, evidence, commander, redis, keys } = parts;
const { signal } = new AbortController();
const logger = pino({ level: 'silent' });

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!;
}

function artifactOf(content: number, { sha256, size, existed }: Pick<StoredEvidence, 'sha256' | 'size' | 'existed'>): Artifact {
  const name = `content ${content}`;
  return {
    id: artifactId('listing', name),
    kind: 'listing',
    name,
    sha256,
    size,
    content: 'binary',
    method: 'derived',
    known: existed,
    acquiredAt: new Date().toISOString(),
  };
}

async function take(store: ReferringEvidence, content: number): Promise<Artifact> {
  const { sha256, bytes } = contentOf(content);
  if (Math.random() < 0.5 && (await store.has(sha256))) return artifactOf(content, { sha256, size: bytes.length, existed: true });
  return artifactOf(content, await store.put([bytes], signal));
}

async function makeRun(): Promise<void> {
  const { run } = await commander.record(parts.request, 'test');
  const store = referringEvidence(evidence, references, { id: run, isRun: true }, signal);
  const wanted = new Set([pick(contents), pick(contents)]);
  const artifacts = await Promise.all([...wanted].map((content) => take(store, content)));
  await store.refer(contentsOf(artifacts));
  await log.recordArtifacts({ run, step: '', fence: '' }, artifacts);
  await log.finish({ run, step: 'report', fence: takeOver }, closing(), { fields: {}, final: 'completed' });
}

async function destroySome(): Promise<void> {
  // Seals what others have left lying, as the reconciler does, or are only slow with.
  const [oldest] = await redis.zrange(keys.open, '-inf', String(Date.now() - 2_000), 'BYSCORE', 'LIMIT', 0, 1);
  if (oldest !== undefined) await log.finish({ run: oldest, step: 'report', fence: takeOver }, closing(), { fields: {}, final: 'completed' });
  // So few are left that some contents are nobody's.
  const runs = await redis.zrange(keys.retained, '0', '-1');
  for (const run of runs.sort(() => Math.random() - 0.5).slice(2)) {
    // Until somebody destroys it, all that it has recorded is there.
    for (const sha256 of await lostOf(parts, run)) process.stdout.write(`lost ${run} ${sha256}\n`);
    await life.destroy(run, 'test', 'storm').catch((error: unknown) => {
      // Another one was first.
      if (!(error instanceof TriageError) || error.code !== 'conflict') throw error;
    });
  }
}

/** Stands still where it may do the most harm: between its look at the mark and what it does for it, now and then for longer than the mark lasts. */
const slow: EvidenceRemover = {
  remove: (sha256, stillDoomed) =>
    evidence.remove(sha256, async () => {
      const isDoomed = (await stillDoomed?.()) ?? true;
      await sleep(Math.random() < 0.1 ? 600 : Math.random() * 30);
      return isDoomed;
    }),
  putBack: () => evidence.putBack(),
};

async function collect(): Promise<void> {
  await collectEvidence({ ...parts, alert, logger, ports: { ...fakePorts, keeper: slow } });
}

for (;;) {
  const [name, act] = pick([
    ['run', makeRun],
    ['run', makeRun],
    ['destroy', destroySome],
    ['destroy', destroySome],
    ['collect', collect],
    ['collect', collect],
  ] as const);
  await act().catch((error: unknown) => {
    // Another one has sealed and destroyed the run meanwhile.
    if (!(error instanceof TriageError) || error.code !== 'stale-attempt') throw error;
  });
  process.stdout.write(`${name}\n`);
  await sleep(Math.random() * 5);
}
