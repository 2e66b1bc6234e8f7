import { displayText } from '../../playbooks/domain/path-name.js';
import { endStates } from '../../playbooks/domain/run.js';
import type { Run } from '../api-types.js';
import type { ApiClient } from '../client.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import { follow } from '../follow.js';
import { displayOf, interruptible } from '../interrupt.js';
import { type Io, safeJson } from '../io.js';
import { printReport } from './report.js';

/** What `podtriage triage` was asked for. */
export interface TriageOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  readonly cluster?: string;
  readonly playbook?: string;
  readonly case?: string;
  readonly reason?: string;
  /** What is moved: nothing, what could be of use to an intruder, or all. The service's default is `selected`. */
  readonly acquire?: string;
  /** How files that VirusTotal does not know are uploaded. The service's default is `never`. */
  readonly upload?: string;
  /** Days that the evidence is kept once the run has ended. */
  readonly retention?: number;
  /** Names of endpoints that are told what becomes of the run. */
  readonly notify?: readonly string[];
  /** Prints the report as JSON. */
  readonly json?: boolean;
  /** Prints the run's id and leaves. */
  readonly detach?: boolean;
}

/** Starts a run, shows it until it has ended, prints its report. Returns the exit status. */
export async function triage(io: Io, client: ApiClient, options: TriageOptions): Promise<number> {
  const run = await client.open(requestOf(options));
  if (options.detach === true) {
    io.out(`${options.json === true ? safeJson({ run: run.id }) : run.id}\n`);
    return exitCodes.ok;
  }
  const display = displayOf(io);
  // Before anybody knows that there is a run: a signal that came in between would end the command unasked.
  const interrupt = interruptible(io, display, () => client.cancel(run.id));
  display.say(`run ${run.id} on ${run.request.target.namespace}/${run.request.target.pod}, playbook ${run.playbook.name}`);
  try {
    const ended = await follow(client, run, display, interrupt.signal);
    display.close?.();
    if (!endStates.has(ended.state)) return leave(io, ended);
    return await conclude(io, client, ended, options.json === true);
  } finally {
    display.close?.();
    interrupt.end();
  }
}

function requestOf(options: TriageOptions): object {
  const { namespace, pod, container, cluster, playbook, reason, acquire, upload, retention, notify } = options;
  const chosen = {
    ...(acquire === undefined ? {} : { acquire }),
    ...(upload === undefined ? {} : { lookups: { upload } }),
    ...(retention === undefined ? {} : { retentionDays: retention }),
  };
  const asked = Object.keys(chosen).length === 0 ? {} : { options: chosen };
  return { target: { namespace, pod, container, cluster }, playbook, caseId: options.case, reason, notify, ...asked };
}

function leave(io: Io, run: Run): number {
  io.err(`\nleft; run ${run.id} is not finished. See it with: podtriage runs; stop it with: podtriage cancel ${run.id}\n`);
  return exitCodes.interrupted;
}

async function conclude(io: Io, client: ApiClient, run: Run, json: boolean): Promise<number> {
  if (run.error !== undefined) io.err(`the run failed: ${displayText(run.error.message)}\n`);
  const printed = await printReport(io, client, run.id, json ? 'json' : 'terminal').then(
    () => true,
    (error: unknown) => {
      io.err(`the run is ${run.state}, but there is no report to show: ${displayText(error instanceof Error ? error.message : String(error))}\n`);
      return false;
    },
  );
  io.err(`\n${whereabouts(client, run)}\n`);
  return printed ? exitCodeOf(run) : exitCodes.error;
}

function whereabouts({ config }: ApiClient, run: Run): string {
  const { id } = run;
  const evidence =
    config.localEvidence === undefined
      ? `listed at ${config.url}/api/v1/runs/${id}/artifacts`
      : `in ${config.localEvidence}, each file under its sha256`;
  const pending = run.pendingLookups ?? 0;
  const late =
    pending === 0 ? '' : `waiting:  ${pending} ${pending === 1 ? 'hash has' : 'hashes have'} no answer yet; what comes amends the report\n`;
  return `${late}evidence: ${evidence}\ncustody:  podtriage verify ${id}\nreport:   podtriage report ${id}`;
}
