import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchState } from '../../playbooks/domain/batch.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { type FleetReport, fleetReportSchema } from '../../playbooks/fleet/report.js';
import { type Batch, batchSchema } from '../batch-types.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import { type Io, safeJson } from '../io.js';
import { type BatchDisplay, LineBatchDisplay, LiveBatchDisplay } from '../ui/batch-display.js';
import { countsText, doneOf, fleetText, planText } from '../ui/batch-text.js';

/** What `podtriage batch` was asked for. */
export interface BatchOptions {
  readonly namespace?: string;
  readonly selector?: string;
  readonly node?: string;
  readonly image?: string;
  /** `kind/name`. */
  readonly owner?: string;
  /** `namespace/pod` each. */
  readonly pod?: readonly string[];
  readonly all?: boolean;
  readonly cluster?: string;
  readonly playbook?: string;
  readonly case?: string;
  readonly reason?: string;
  readonly notify?: readonly string[];
  readonly dryRun?: boolean;
  readonly maxPods?: number;
  readonly total?: number;
  readonly perNode?: number;
  readonly detach?: boolean;
  readonly json?: boolean;
}

const ends: ReadonlySet<BatchState> = new Set(['planned', 'completed', 'cancelled', 'failed']);
/** How long one long poll waits, in seconds, how long a service may be away, and how long a report may take once all has ended, in milliseconds. */
const pollSeconds = 2;
const patienceMs = 120_000;
const reportMs = 600_000;
const retryMs = 1_000;

/** Starts a batch, shows it until it is at an end, prints its outliers. Returns the exit status. */
export async function batch(io: Io, client: ApiClient, options: BatchOptions): Promise<number> {
  const opened = await client.ask(batchSchema, 'POST', '/api/v1/batches', requestOf(options));
  if (options.detach === true) {
    io.out(`${options.json === true ? safeJson({ batch: opened.id }) : opened.id}\n`);
    return exitCodes.ok;
  }
  const display: BatchDisplay = io.interactive ? new LiveBatchDisplay(io.err, io.columns) : new LineBatchDisplay(io.err);
  const path = batchPath(opened.id);
  // Before anybody knows that there is a batch: see triage.
  const interrupt = interruptible(io, display, () => client.ask(batchSchema, 'POST', `${path}/cancel`), 'batch');
  display.say(`batch ${opened.id}, playbook ${displayText(opened.request.playbook)}`);
  try {
    const ended = await follow(client, opened, display, interrupt.signal);
    display.close();
    if (!ends.has(ended.state)) {
      io.err(`\nleft; batch ${ended.id} goes on. See it with: podtriage batch show ${ended.id}\n`);
      return exitCodes.interrupted;
    }
    return await conclude(io, client, ended, options.json === true);
  } finally {
    display.close();
    interrupt.end();
  }
}

/** The path of a batch in the API. */
export function batchPath(id: string): string {
  return `/api/v1/batches/${encodeURIComponent(id)}`;
}

function requestOf(options: BatchOptions): object {
  const { cluster, playbook, reason, dryRun, maxPods, total, perNode, notify } = options;
  const concurrency = total === undefined && perNode === undefined ? undefined : { total, perNode };
  return { cluster, select: selectOf(options), playbook, caseId: options.case, reason, notify, dryRun, maxPods, concurrency };
}

function selectOf({ namespace, selector, node, image, owner, pod, all }: BatchOptions): object {
  const where = { namespace, labels: selector, node, image, ...(owner === undefined ? {} : { owner: ownerOf(owner) }) };
  const isWhere = Object.values(where).some((value) => value !== undefined);
  const asked = [isWhere, pod !== undefined, all === true].filter(Boolean).length;
  if (asked !== 1) throw new TriageError('invalid-request', 'say which pods: by -n, -l, --node, --image and --owner, or by --pod, or --all');
  if (pod !== undefined) return { targets: pod.map(targetOf) };
  return isWhere ? { where } : { all: true };
}

function ownerOf(text: string): object {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (kind === '' || name === '' || rest.length > 0) throw new TriageError('invalid-request', '--owner must be KIND/NAME, such as Deployment/web');
  return { kind, name };
}

function targetOf(text: string): object {
  const [namespace = '', pod = '', ...rest] = text.split('/');
  if (namespace === '' || pod === '' || rest.length > 0) throw new TriageError('invalid-request', '--pod must be NAMESPACE/POD');
  return { namespace, pod };
}

/** Shows a batch until it is at an end or the signal is aborted, and returns it as last seen. A service that restarts is waited for. */
async function follow(client: ApiClient, opened: Batch, display: BatchDisplay, signal: AbortSignal): Promise<Batch> {
  let batch = opened;
  let giveUp = Date.now() + patienceMs;
  for (let silent = false; ; ) {
    display.show(batch);
    if (ends.has(batch.state) || signal.aborted) return batch;
    const next = await client.ask(batchSchema, 'GET', `${batchPath(batch.id)}?wait=${pollSeconds}`).catch((error: unknown) => {
      if (!passes(error) || Date.now() > giveUp) throw error;
      if (!silent) display.say('the service does not answer; the batch goes on, trying again');
    });
    silent = next === undefined;
    if (next === undefined) await sleep(retryMs);
    else {
      batch = next;
      giveUp = Date.now() + patienceMs;
    }
  }
}

function passes(error: unknown): boolean {
  return error instanceof TriageError && (error.code === 'redis-unavailable' || error.code === 'timeout' || error.code === 'rate-limited');
}

async function conclude(io: Io, client: ApiClient, ended: Batch, json: boolean): Promise<number> {
  if (ended.error !== undefined) io.err(`${ended.state === 'failed' ? 'the batch failed: ' : ''}${displayText(ended.error.message)}\n`);
  if (ended.state === 'failed') return exitCodes.error;
  if (ended.state === 'planned') {
    io.out(json ? `${safeJson(ended.plan)}\n` : planText(ended, Date.now()));
    return exitCodes.ok;
  }
  io.err(`${ended.state}: ${countsText(ended)}\n`);
  const report = await awaitReport(client, ended);
  if (report === undefined) return exitCodes.inconclusive;
  io.out(json ? `${safeJson(report)}\n` : fleetText(report));
  io.err(`\nreport:   podtriage batch report ${ended.id} --format csv\nruns:     podtriage runs --batch ${ended.id}\n`);
  const code = exitCodeOfFleet(report);
  return code === exitCodes.ok && ended.error !== undefined ? exitCodes.inconclusive : code;
}

/** It is written a moment after the last run has ended; a batch without pods has none. */
async function awaitReport(client: ApiClient, ended: Batch): Promise<FleetReport | undefined> {
  if ((doneOf(ended)?.all ?? 0) === 0) return undefined;
  const path = batchPath(ended.id);
  for (const end = Date.now() + reportMs; Date.now() < end; ) {
    const { report, finishedAt = '' } = await client.ask(batchSchema, 'GET', path);
    // Not that of before a retry.
    if (report !== undefined && report.at >= finishedAt) return client.ask(fleetReportSchema, 'GET', `${path}/report`);
    await sleep(retryMs);
  }
  throw new TriageError(
    'timeout',
    `the report of batch ${ended.id} was not written within ${reportMs / 60_000} min; the log of the workers says why`,
  );
}

/** Found anything, else not looked at everything, else nothing. */
function exitCodeOfFleet({ pods, unknown }: FleetReport): number {
  if (pods.some(({ verdict }) => verdict === 'malicious' || verdict === 'suspicious')) return exitCodes.found;
  return unknown.length > 0 || pods.some(({ verdict }) => verdict !== 'no-findings') ? exitCodes.inconclusive : exitCodes.ok;
}
