import type { EvidencePort, NodeSession, StagedEvidence, StoredEvidence } from '../../ports.js';
import { checkExit, nodeCommand, whileRunning } from '../node/node-command.js';
import { byBestReading, checkEntered, notThere, walkingTree } from '../node/safe-tree.js';
import { type LogFile, type LogFolder, logArgv, logNames, parseLogs } from './log-script.js';
import type { WantedLog } from './wanted-logs.js';

/** Where the logs of a pod are, and how much is read of each. */
export interface LogPlace {
  readonly session: NodeSession;
  /** Kubelet's folder of the logs of all pods. */
  readonly podLogs: string;
  /** The pod's own in it. */
  readonly folder: string;
  /** Bytes of each file, counted from its end. */
  readonly most: number;
}

/** A log that is in the store. */
export interface KeptLog {
  readonly log: WantedLog;
  readonly file: LogFile;
  readonly stored: StoredEvidence;
  /** True when it was rotated or cut each time it was read: what was kept need not be one piece. */
  readonly unstable: boolean;
}

/** What was found of a pod's logs. */
export interface PodLogs extends LogFolder {
  /** Files that are there and could not be read. */
  readonly unreadable: ReadonlySet<string>;
}

/** kubelet rotates a log at most every ten seconds. */
const rounds = 2;

const readMs = 10 * 60_000;

/**
 * Reads the end of each log by one command, and once more what was rotated just then. Each is given to `kept` as soon as it is in the store.
 * Only the way to `podLogs` is gone by name; below it nothing is followed (log-script.ts), and no device of a pod that writes there can be
 * opened, as the folder is read through a mount without any. Undefined where `podLogs` is not there.
 * @throws TriageError `tool-missing`, `transfer-truncated`, and what a node command can end with
 */
export async function readPodLogs(
  place: LogPlace,
  wanted: readonly WantedLog[],
  evidence: EvidencePort,
  kept: (log: KeptLog) => Promise<void>,
  signal: AbortSignal,
): Promise<PodLogs | undefined> {
  const all = { types: new Map<string, string>(), others: new Map<string, number>(), unreadable: new Set<string>() };
  let complete = true;
  let open = wanted;
  for (let round = 1; round <= rounds && open.length > 0; round += 1) {
    const reading = new Reading(place, open, evidence, kept, round === rounds);
    const folder = await reading.run(signal);
    if (folder === undefined) return undefined;
    for (const [path, type] of folder.types) all.types.set(path, type);
    for (const { path, size } of folder.others) all.others.set(path, size);
    for (const file of reading.unreadable) all.unreadable.add(file);
    complete &&= folder.complete;
    open = [...reading.changed, ...justRotated(open, folder)];
  }
  for (const { file } of wanted) all.others.delete(file);
  return { ...all, others: [...all.others].map(([path, size]) => ({ path, size })), complete };
}

/** For a moment a rotated log is only there by its new name. */
function justRotated(wanted: readonly WantedLog[], { types, others }: LogFolder): WantedLog[] {
  return wanted.filter(({ file }) => !types.has(file) && others.some(({ path }) => path.startsWith(`${file}.`)));
}

/** One command, and what became of the logs by it. */
class Reading {
  readonly changed: WantedLog[] = [];
  readonly unreadable: string[] = [];

  constructor(
    private readonly place: LogPlace,
    private readonly wanted: readonly WantedLog[],
    private readonly evidence: EvidencePort,
    private readonly kept: (log: KeptLog) => Promise<void>,
    private readonly isLast: boolean,
  ) {}

  async run(signal: AbortSignal): Promise<LogFolder | undefined> {
    const { session, podLogs, folder, most } = this.place;
    return byBestReading(session, async (how) => {
      const command = nodeCommand('read-logs', walkingTree(podLogs, logArgv(most), how), {
        stdin: logNames(folder, this.wanted),
        timeoutMs: readMs,
        // base64 takes a third more.
        maxBytes: this.wanted.length * (most * 1.4 + 4_096) + 4 * 1024 * 1024,
      });
      const running = await session.start(command, signal);
      let answer: LogFolder | undefined;
      const parsing = this.parse(running.stdout, signal).then(
        (parsed) => {
          answer = parsed;
        },
        (error: unknown) => {
          // Nobody reads the rest: the command must not wait for that.
          running.stdout.destroy();
          throw error;
        },
      );
      const { outcome, truncated } = await whileRunning(running, parsing);
      if (outcome.exitCode === notThere) return undefined;
      checkEntered(outcome, podLogs, session.node.name);
      checkExit(command, session.node.name, outcome);
      if (truncated !== undefined) throw truncated;
      return answer;
    });
  }

  private parse(stdout: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<LogFolder> {
    return parseLogs(stdout, this.wanted, async (file, content, reading) => {
      const log = this.wanted.find((each) => each.file === file.path);
      const staged = await this.evidence.stage(content, signal);
      if (log !== undefined) await this.settle(log, file, staged, await reading());
    });
  }

  private async settle(log: WantedLog, file: LogFile, staged: StagedEvidence, reading: 'whole' | 'changed' | 'unreadable'): Promise<void> {
    const isWhole = reading === 'whole' && staged.size === Math.min(file.size, this.place.most);
    if (isWhole || (reading !== 'unreadable' && this.isLast)) {
      await this.kept({ log, file, stored: await staged.keep(), unstable: !isWhole });
      return;
    }
    await staged.discard();
    if (reading === 'unreadable') this.unreadable.push(log.file);
    else this.changed.push(log);
  }
}
