import type { Job, Processor } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import { asTriageError, throwIfAborted } from '../../playbooks/domain/error.js';
import { Comparison, type FleetPod } from '../../playbooks/fleet/compare.js';
import { filesOf } from '../../playbooks/fleet/pod-files.js';
import { type FleetReport, fleetReportSchema } from '../../playbooks/fleet/report.js';
import type { BatchTarget } from '../../playbooks/fleet/target.js';
import { boardOf } from '../../playbooks/step.js';
import type { StoredBatch } from '../../store/batches.js';
import { batchRunId } from '../../store/batches-ids.js';
import { maxRounds } from '../../store/batches-texts.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';
import { referringEvidence } from './referring-evidence.js';
import { completenessOf } from './summary.js';

const jobSchema = z.object({ batch: z.string() });
const timeoutMs = 30 * 60_000;
const destroyed = 'evidence-destroyed';

type Deps = Pick<RunnerDeps, 'batches' | 'batchTargets' | 'signed' | 'ports' | 'references' | 'clock' | 'logger'>;

/** Makes the function that BullMQ calls when all runs of a batch have ended: it compares them, by what is signed alone, and keeps the report. */
export function fleetProcessor(deps: Deps): Processor {
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const { batch } = jobSchema.parse(job.data);
    const timeout = afterMs(timeoutMs, `the report of batch ${batch} was not written within ${timeoutMs / 60_000} min`);
    try {
      await writeFleetReport(deps, batch, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    } catch (err) {
      if (signal?.reason === 'shutdown') return handBack(job, token);
      deps.logger.warn({ err, batch }, 'the report of a batch could not be written');
      throw err;
    }
  };
}

async function writeFleetReport(deps: Deps, id: string, signal: AbortSignal): Promise<void> {
  const { batches, ports, references } = deps;
  const batch = await batches.get(id);
  if (batch === undefined) return;
  const { wishes } = await batches.mode(id);
  const report = await compare(deps, batch, signal);
  const text = JSON.stringify(fleetReportSchema.parse(report));
  // No run's: what one of them gives up stays in the report as a name and a hash.
  const evidence = referringEvidence(ports.evidence, references, { id: `fleet-${id}`, isRun: false }, signal);
  const { sha256, size } = await evidence.put([Buffer.from(text)], signal);
  await batches.reported(id, { sha256, size, after: wishes });
}

async function compare(deps: Deps, batch: StoredBatch, signal: AbortSignal): Promise<FleetReport> {
  const found = await podsOf(deps, batch);
  const comparison = new Comparison(found.map(({ target }) => target));
  for (const [number, { target, runs }] of found.entries()) {
    throwIfAborted(signal);
    comparison.add({ number, target, ...(await examined(deps, target, runs)) });
  }
  return comparison.report(batch.id, deps.clock().toISOString());
}

/** The pods, and the ids that their runs can have, the newest first: from what is signed, not from what Redis says of them. */
async function podsOf({ batches }: Deps, { id }: StoredBatch): Promise<{ readonly target: BatchTarget; readonly runs: readonly string[] }[]> {
  const { retries } = await batches.mode(id);
  const all: { target: BatchTarget; runs: string[] }[] = [];
  // However many rounds Redis says that there are.
  for (let number = 1; number <= maxRounds; number += 1) {
    const round = await batches.round(id, number);
    if (round === undefined) break;
    for (const target of await batches.pods(id, number, round)) {
      const tries = [...retries].reverse().map(([retry, at]) => batchRunId(id, target, retry, at));
      all.push({ target, runs: [...tries, batchRunId(id, target, 0, round.at)] });
    }
  }
  return all;
}

/** What an older run must not hide: evidence that was tampered with, or taken away. */
const finalReasons: ReadonlySet<string> = new Set<string>(['custody-broken', 'internal', destroyed]);

type Examined = Omit<FleetPod, 'number' | 'target'>;

/** By its newest run that took files: what a retry could not have again was had before. */
async function examined(deps: Deps, target: BatchTarget, runs: readonly string[]): Promise<Examined> {
  const rows = await deps.batchTargets.runs(runs);
  let newest: Examined | undefined;
  for (const [at, run] of runs.entries()) {
    const row = rows[at];
    if (row === undefined) continue;
    const found = await examinedBy(deps, run, row === 'open' ? 'running' : row.state);
    if (found.unknown?.what !== 'not-examined' || finalReasons.has(found.unknown.reason)) return found;
    newest ??= found;
  }
  if (newest !== undefined) return newest;
  const [state, reason] = target.gone === true ? (['gone', 'pod-not-found'] as const) : (['cancelled', 'no run'] as const);
  return { state, files: [], unknown: { what: 'not-examined', reason } };
}

async function examinedBy(deps: Deps, run: string, state: Examined['state']): Promise<Examined> {
  try {
    return { state, run, ...(await read(deps, run)) };
  } catch (raw) {
    const { code } = asTriageError(raw);
    if (code === 'redis-unavailable') throw raw;
    deps.logger.warn({ err: raw, run }, 'a run of a batch could not be compared');
    return { state, run, files: [], unknown: { what: 'not-examined', reason: code } };
  }
}

async function read({ signed }: Deps, run: string): Promise<Pick<FleetPod, 'verdict' | 'unknown' | 'files'>> {
  const records = await signed.records(run);
  const all = [...records.values()];
  const { verdict, artifacts: taken } = boardOf(all.map(({ facts }) => facts));
  const error = all.find((record) => record.error !== undefined)?.error;
  if (verdict === undefined) return { files: [], unknown: { what: 'not-examined', reason: error?.code ?? 'no verdict' } };
  if (await signed.destroyed(run)) return { verdict: verdict.level, files: [], unknown: { what: 'not-examined', reason: destroyed } };
  const [artifacts, lookups, amendment] = [await signed.artifacts(run), await signed.lookups(run), await signed.amendment(run)];
  const files = filesOf(artifacts, verdict, lookups);
  const isPartial = (amendment?.completeness ?? completenessOf(all)) === 'partial';
  const what = taken === undefined && files.length === 0 ? 'not-examined' : 'partial';
  return { verdict: amendment?.verdict ?? verdict.level, files, ...(isPartial ? { unknown: { what, reason: error?.code ?? 'gaps' } } : {}) };
}
