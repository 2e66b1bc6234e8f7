import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { factSchemas } from '../playbooks/facts.js';
import { createPod, deletePod, inPod, lab } from '../test/e2e/lab.js';
import { Acquirer } from './acquirer.js';
import { type Listed, listPod } from './acquisition.js';
import { compiled } from './compiled.js';
import { median } from './median.js';

const run = promisify(execFile);
const pod = 'bench-stream';
const cases = [
  { name: 'big', folder: 'big', files: 1, bytes: 1024 ** 3 },
  { name: 'small', folder: 'small', files: 10_000, bytes: 10_000 * 2048 },
] as const;
type Case = (typeof cases)[number];

const fill = `mkdir /big /small
head -c ${cases[0].bytes} /dev/urandom >/big/file
cd /small && i=0 && while [ $i -lt ${cases[1].files} ]; do head -c 2048 /dev/urandom >$i; i=$((i + 1)); done`;

/** What is done with the archive that tar sends: only read, or unpacked into the folder `$to`, hashed file by file and synced. */
const ends = {
  read: 'sha256sum',
  keep: '{ tar -C "$to" -xf - && cd "$to" && find . -type f -exec sha256sum {} + >"$to.sums" && sync -f .; }',
} as const;

/**
 * Acquisition against `ssh node tar | sha256sum`, on a pod of the lab with 1 GiB in one file and 10,000 files of 2 KiB. Ours is the whole step
 * `export-files`: login, hash on the node, transfer, all hashes, comparison, each file durable in a new evidence store; in a process that, as
 * workers do, has taken others before. `kept_ratio` compares it with what keeps as much by hand: the archive is unpacked, each file hashed, and
 * all of it synced.
 * Then the peak memory of a process that takes the big file twice. The lab must be up; PODTRIAGE_STREAM_ROUNDS, default 5. Where the stores are
 * on ext4, five minutes must have gone by since many files were deleted there, as by this bench itself: it is slow to use their inodes again.
 */
export async function stream(): Promise<Record<string, unknown>> {
  return compiled(measured);
}

async function measured(programs: string): Promise<Record<string, unknown>> {
  const rounds = Number(process.env['PODTRIAGE_STREAM_ROUNDS'] ?? '5');
  await deletePod(pod);
  await createPod(pod, 'node-a');
  // Removed at the end only, see above.
  const stores = await mkdtemp(join(tmpdir(), 'podtriage-bench-'));
  try {
    await inPod(pod, fill);
    const listed = await listPod(pod);
    const acquirer = new Acquirer(programs);
    const results: Result[] = [];
    for (const one of cases) results.push(await compare(one, listed, acquirer, rounds, stores));
    acquirer.end();
    const ratio = Math.min(...results.map((result) => result.ratio));
    return { rounds, ...Object.fromEntries(results.flatMap(named)), ratio, rss_mib: await peakMemory(programs, listed, stores) };
  } finally {
    await rm(stores, { recursive: true });
    await deletePod(pod);
  }
}

/** Medians of one case. */
interface Result {
  readonly name: string;
  readonly ours_ms: number;
  readonly theirs_ms: number;
  readonly ratio: number;
  readonly by_hand_ms: number;
  readonly kept_ratio: number;
}

function named({ name, ...numbers }: Result): [string, number][] {
  return Object.entries(numbers).map(([key, value]) => [`${name}_${key}`, value]);
}

async function compare(one: Case, listed: Listed, acquirer: Acquirer, rounds: number, stores: string): Promise<Result> {
  await timeOurs(one, listed, acquirer, stores);
  const [ours, theirs, byHand]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    theirs.push(await timeTheirs(one, listed, 'read', stores));
    byHand.push(await timeTheirs(one, listed, 'keep', stores));
    ours.push(await timeOurs(one, listed, acquirer, stores));
    const all = `ours ${ours.at(-1) ?? 0} ms, ssh tar | sha256sum ${theirs.at(-1) ?? 0} ms, kept by hand ${byHand.at(-1) ?? 0} ms`;
    process.stdout.write(`${one.name}, round ${round + 1}: ${all}\n`);
  }
  const [ours_ms, theirs_ms, by_hand_ms] = [median(ours), median(theirs), median(byHand)];
  const ratio = (other: number): number => Math.round((other / ours_ms) * 100) / 100;
  return { name: one.name, ours_ms, theirs_ms, ratio: ratio(theirs_ms), by_hand_ms, kept_ratio: ratio(by_hand_ms) };
}

async function timeOurs({ folder, files, bytes }: Case, listed: Listed, acquirer: Acquirer, stores: string): Promise<number> {
  const taken = await acquirer.take({ pod, listed, folder: `${folder}/`, stores });
  if (taken.files !== files || taken.bytes !== bytes) throw new Error(`took ${taken.files} files of ${taken.bytes} bytes`);
  return Math.round(taken.ms);
}

async function timeTheirs({ folder }: Case, { board }: Listed, end: keyof typeof ends, stores: string): Promise<number> {
  const upper = factSchemas.containers.parse(board.containers)[0]?.overlay?.upper ?? '';
  const { key, knownHosts, users } = lab.ssh;
  const options = ['-n', '-F', 'none', '-o', 'BatchMode=yes', '-o', 'HostKeyAlias=node-a', '-o', `UserKnownHostsFile=${knownHosts}`, '-i', key];
  const login = `${users.sudo}@${lab.nodes[0]?.address ?? ''}`;
  const to = await mkdtemp(join(stores, 'by-hand-'));
  const started = performance.now();
  const script = `set -o pipefail; to=$0; path=$1; shift; "$@" "sudo -n tar -C '$path' -cf - ." | ${ends[end]}`;
  await run('bash', ['-c', script, to, join(upper, folder), 'ssh', ...options, login]);
  return Math.round(performance.now() - started);
}

/** In MiB, of a process that takes the big file twice and knows of no other. */
async function peakMemory(programs: string, { board, changes }: Listed, stores: string): Promise<number> {
  const big = { board, changes: changes.filter(({ path }) => path.text.startsWith(`${cases[0].folder}/`)) };
  const acquirer = new Acquirer(programs);
  await acquirer.take({ pod, listed: big, folder: '', stores });
  const { peakMib } = await acquirer.take({ pod, listed: big, folder: '', stores });
  acquirer.end();
  return peakMib;
}
