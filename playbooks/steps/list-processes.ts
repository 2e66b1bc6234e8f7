import { z } from 'zod';
import { withNode } from '../acquisition/node/with-node.js';
import { distinctExecutables, recordExecutables } from '../acquisition/processes/process-artifacts.js';
import { type HashOutcome, hashExecutables } from '../acquisition/processes/process-hash.js';
import { type FoundProcess, type ProcessList, processList } from '../acquisition/processes/process-rows.js';
import { runSurvey } from '../acquisition/processes/process-script.js';
import { isFileless, type Process } from '../domain/process.js';
import { patientAttempts } from '../domain/retry.js';
import type { Gap } from '../domain/run.js';
import type { Facts, NodeContainer } from '../facts.js';
import { rootOnNode } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

/** A process that has just been started runs its runtime's own program for a moment: then all is looked at once more. */
const surveys = 3;

/** Lists what runs in the containers, and takes what it runs where no file system has it: nothing that a listing of files could show. */
export const listProcesses = defineStep({
  name: 'list-processes',
  summary: 'Lists the processes with their arguments and sockets, and takes executables that were deleted or live in memory alone',
  queue: 'node',
  permissions: [rootOnNode],
  needs: ['target', 'node', 'containers'],
  uses: [],
  writes: ['processes'],
  params: z.strictObject({}),
  timeoutMs: 60 * 60_000,
  attempts: patientAttempts,
  async run({ target, node, containers }, _params, ctx) {
    const running = containers.filter(({ state }) => state === 'running');
    const rows = running.length === 0 ? [] : await withNode(ctx, target, node, (session) => processesOf(session, running, ctx));
    const listing = await keepListing(ctx, 'processes', rows);
    const executables = new Set(rows.map(({ executable }) => executable.sha256).filter((sha256) => sha256 !== undefined)).size;
    return { processes: { ...listing, fileless: rows.filter(isFileless).length, executables } } satisfies Pick<Facts, 'processes'>;
  },
});

interface Seen {
  readonly list: ProcessList;
  readonly hashes: ReadonlyMap<string, HashOutcome>;
  readonly gaps: readonly Gap[];
}

async function processesOf(session: NodeSession, containers: readonly NodeContainer[], ctx: StepContext): Promise<Process[]> {
  let seen = await look(session, containers, ctx);
  for (let round = 1; round < surveys && isUnsettled(seen); round += 1) seen = await look(session, containers, ctx);
  const { list, hashes, gaps } = seen;
  for (const gap of gaps) ctx.gap(gap);
  await recordExecutables(session, list.processes, hashes, ctx);
  return list.processes.map((found) => withHash(found, hashes));
}

async function look(session: NodeSession, containers: readonly NodeContainer[], ctx: StepContext): Promise<Seen> {
  const quick = processList(await runSurvey(session, containers, false, ctx.signal), containers);
  const list = quick.whole ? quick : processList(await runSurvey(session, containers, true, ctx.signal), containers);
  const gaps = [...list.gaps];
  const wanted = distinctExecutables(list.processes).filter(withinBytes(ctx.run.limits.totalBytes, gaps));
  const hashes = await hashExecutables(session, wanted, ctx.signal);
  for (const { key, first } of wanted) {
    const outcome = hashes.get(key);
    if (outcome === 'other') gaps.push(gapOf(first, 'unstable', 'it began to run something else each time it was looked at'));
    if (outcome === 'unreadable' || outcome === undefined) gaps.push(gapOf(first, 'could-not-read', 'its executable cannot be read on the node'));
  }
  return { list, hashes, gaps };
}

/** What is too much to hash is a gap, not a limit: a suspect who blows up his program must not look harmless. */
function withinBytes(most: number, gaps: Gap[]): (executable: { readonly first: FoundProcess }) => boolean {
  let bytes = 0;
  return ({ first }) => {
    const size = first.row.executable.size ?? 0;
    if (bytes + size <= most) {
      bytes += size;
      return true;
    }
    gaps.push(gapOf(first, 'total-bytes', `its executable of ${size} bytes was not hashed`));
    return false;
  };
}

function isUnsettled({ list, hashes }: Seen): boolean {
  return distinctExecutables(list.processes).some(({ key, first }) => {
    const outcome = hashes.get(key);
    // An exec probe is its runtime's copy in memory until it becomes what it is to be, and may be over at once.
    return outcome === 'other' || (outcome === 'gone' && isFileless(first.row));
  });
}

function gapOf({ row }: FoundProcess, reason: string, detail: string): Gap {
  return { subject: `${row.container}: process ${row.pid}, ${row.executable.path.text}`, reason, detail };
}

function withHash({ row, executable: key }: FoundProcess, hashes: ReadonlyMap<string, HashOutcome>): Process {
  const hashed = key === undefined ? undefined : hashes.get(key);
  if (hashed === undefined || typeof hashed === 'string') return row;
  return { ...row, executable: { ...row.executable, sha256: hashed.sha256, size: hashed.size } };
}
