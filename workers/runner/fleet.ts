import type { Job, Processor } from 'bullmq';
import { z } from 'zod';
import { afterMs } from '../../playbooks/domain/abort.js';
import { asTriageError, TriageError, throwIfAborted } from '../../playbooks/domain/error.js';
import { byAllRuns, type ExaminedRun } from '../../playbooks/fleet/by-all-runs.js';
import { Comparison, type FleetPod } from '../../playbooks/fleet/compare.js';
import { filesOf } from '../../playbooks/fleet/pod-files.js';
import { type FleetReport, fleetReportSchema } from '../../playbooks/fleet/report.js';
import type { BatchTarget } from '../../playbooks/fleet/target.js';
import { boardOf } from '../../playbooks/step.js';
import type { StoredBatch } from '../../store/batches.js';
import { batchRunId } from '../../store/batches-ids.js';
import type { EndedRun } from '../../store/batches-targets.js';
import { maxRounds } from '../../store/batches-texts.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';
import { referringEvidence } from './referring-evidence.js';
import { completenessOf } from './summary.js';

const jobSchema = z.object({ batch: z.string() });
const timeoutMs = 30 * 60_000;

type Deps = Pick<RunnerDeps, 'batches' | 'batchTargets' | 'signed' | 'register' | 'ports' | 'references' | 'clock' | 'logger'>;

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
  // Before it is asked what became of them: a run is recorded in the same act.
  const opened = await deps.register.opened();
  const comparison = new Comparison(found.map(({ target }) => target));
  for (const [number, { target, runs }] of found.entries()) {
    throwIfAborted(signal);
    const own = runs.filter((run) => opened.has(run));
    comparison.add({ number, target, ...(await examined(deps, target, own)) });
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

/** @param runs its runs, the newest first */
async function examined(deps: Deps, target: BatchTarget, runs: readonly string[]): Promise<Omit<FleetPod, 'number' | 'target'>> {
  const rows = await deps.batchTargets.runs(runs);
  const found: ExaminedRun[] = [];
  for (const [at, run] of runs.entries()) found.push(await examinedRun(deps, run, rows[at]));
  const [newest, ...before] = found;
  if (newest !== undefined) return byAllRuns(newest, before);
  const [state, reason] = target.gone === true ? (['gone', 'pod-not-found'] as const) : (['cancelled', 'no run'] as const);
  return { state, files: [], unknown: { what: 'not-examined', reason } };
}

async function examinedRun(deps: Deps, run: string, row: EndedRun | 'open' | undefined): Promise<ExaminedRun> {
  const state = row === undefined || row === 'open' ? 'running' : row.state;
  try {
    if (row === undefined) throw new TriageError('custody-broken', `run ${run} was opened, says the register, and has no record`);
    return { state, run, ...(await read(deps, run)) };
  } catch (raw) {
    const { code } = asTriageError(raw);
    if (code === 'redis-unavailable') throw raw;
    deps.logger.warn({ err: raw, run }, 'a run of a batch could not be compared');
    return { state, run, files: [], unknown: { what: 'not-examined', reason: code }, isTold: true };
  }
}

async function read({ signed }: Deps, run: string): Promise<Omit<ExaminedRun, 'state' | 'run'>> {
  const records = await signed.records(run);
  const all = [...records.values()];
  const { verdict, artifacts: taken } = boardOf(all.map(({ facts }) => facts));
  const error = all.find((record) => record.error !== undefined)?.error;
  if (verdict === undefined) return { files: [], unknown: { what: 'not-examined', reason: error?.code ?? 'no verdict' } };
  if (await signed.destroyed(run))
    return { verdict: verdict.level, files: [], unknown: { what: 'not-examined', reason: 'evidence-destroyed' }, isTold: true };
  const [artifacts, lookups, amendment] = [await signed.artifacts(run), await signed.lookups(run), await signed.amendment(run)];
  const files = filesOf(artifacts, verdict, lookups);
  const isPartial = (amendment?.completeness ?? completenessOf(all)) === 'partial';
  const what = taken === undefined && files.length === 0 ? 'not-examined' : 'partial';
  return { verdict: amendment?.verdict ?? verdict.level, files, ...(isPartial ? { unknown: { what, reason: error?.code ?? 'gaps' } } : {}) };
}
