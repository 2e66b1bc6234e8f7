import { TriageError } from '../../domain/error.js';
import type { Overlay } from '../../facts.js';
import type { CommandOutcome, NodeSession } from '../../ports.js';
import { checkExit, nameList, nodeCommand, whileRunning } from '../node/node-command.js';
import { byBestReading, checkEntered, type Reading } from '../node/safe-tree.js';
import { LayeredAnswer } from './layered-answer.js';
import { insideLayers, maxAskedBytes, type Question } from './safe-layers.js';

/** Bytes that one entry can take in an answer: a path and a link target of 4 KiB each, the numbers, and a header of tar in base64. */
const bytesPerEntry = 12_000;

/** What is asked of an overlay's directories; see {@link Question}. */
interface LayersQuestion {
  readonly question: Question;
  /** The upper directory, or the one to walk in. */
  readonly tree: string;
  /** Directories come before what is in them. Names above {@link maxAskedBytes} are left out. */
  readonly names?: readonly Uint8Array[];
  readonly below?: readonly Uint8Array[];
  /** Entries to be told of at most. */
  readonly most: number;
}

/** The answer, and what the node's tools complained of: safe to print, empty for nothing. */
export interface LayersAnswer {
  readonly answer: LayeredAnswer;
  readonly complaint: string;
  readonly reading: Reading;
}

/**
 * Asks in one command, however many layers there are.
 * @throws TriageError `pod-gone` when a directory is no longer there, `tool-missing`, `command-failed`, `transfer-truncated`
 */
export function askLayers(session: NodeSession, overlay: Overlay, asked: LayersQuestion, signal: AbortSignal): Promise<LayersAnswer> {
  return byBestReading(session, (reading) => askOnce(session, overlay, asked, reading, signal));
}

async function askOnce(session: NodeSession, overlay: Overlay, asked: LayersQuestion, reading: Reading, signal: AbortSignal): Promise<LayersAnswer> {
  const names = nameList(short(asked.names));
  const enough = new AbortController();
  const command = nodeCommand(`layers-${asked.question}`, insideLayers(asked.question, asked.tree, overlay, names.length, reading), {
    stdin: Buffer.concat([names, nameList(short(asked.below))]),
    maxBytes: (asked.most + 1_000) * bytesPerEntry * (overlay.lowers.length + 1),
    timeoutMs: 15 * 60_000,
  });
  const answer = new LayeredAnswer(overlay.userxattr ? 'user.overlay' : 'trusted.overlay', asked.most);
  const running = await session.start(command, AbortSignal.any([signal, enough.signal]));
  const reads = answer.read(running.stdout).then(() => {
    if (answer.full) enough.abort(new TriageError('limit-exceeded', `there are more than ${asked.most} entries`));
  });
  const outcome = await whileRunning(running, reads).catch((error: unknown) => {
    if (enough.signal.aborted) return undefined;
    throw error;
  });
  if (outcome === undefined || enough.signal.aborted) return { answer, complaint: '', reading };
  checkEntered(outcome.outcome, asked.tree, session.node.name);
  checkExit(command, session.node.name, outcome.outcome);
  if (outcome.truncated !== undefined) throw outcome.truncated;
  checkLayers(answer, overlay, session.node.name);
  return { answer, complaint: complaintOf(outcome.outcome), reading };
}

function short(names: readonly Uint8Array[] = []): readonly Uint8Array[] {
  return names.filter(isAsked);
}

/** Whether a path is short enough to be asked about by name. */
export function isAsked(path: Uint8Array): boolean {
  return path.length + './'.length <= maxAskedBytes;
}

function checkLayers({ failedLayer }: LayeredAnswer, overlay: Overlay, node: string): void {
  if (failedLayer === undefined) return;
  const layer = overlay.lowers[failedLayer.number - 1] ?? '';
  if (failedLayer.gone) throw new TriageError('pod-gone', `the image layer ${layer} is not on node ${node}: the container was removed`);
  throw new TriageError('tool-missing', `node ${node} cannot mount the image layer ${layer} in a private namespace to read it safely`);
}

/** The login shell and sudo have their own things to say, on every command; what counts are the tools that read for us. */
const ours = /^(find|xargs|stat|tar|cp|timeout|mount|mkdir|rm|cat|head|base64|tr|grep|sh|podtriage): /;

function complaintOf({ stderr }: CommandOutcome): string {
  const lines = stderr.split('\n').filter((line) => ours.test(line));
  return [...new Set(lines)].slice(0, 3).join('; ').slice(0, 500);
}
