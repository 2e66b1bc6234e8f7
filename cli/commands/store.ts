import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { EvidenceKeeper } from '../../store/evidence/keeper.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';

/** The exit status of `store check`: all is as it was, something is not, or that cannot be said. */
export const storeCodes = { whole: 0, corrupt: 1, notCheckable: 2 } as const;

/** Files that are hashed at a time: on a disk two would do, in a bucket each waits for the network. */
const atOnce = 8;
/** Between two lines that say how far it is, in milliseconds. */
const progressMs = 5_000;

/** What a check has found. */
export interface StoreFindings {
  /** Files whose bytes have the hash that they are named by. */
  whole: number;
  /** Names of files whose bytes have another hash. */
  readonly corrupt: string[];
  /** Files that could not be read, and why. */
  readonly unreadable: { readonly sha256: string; readonly found: string }[];
}

/**
 * `podtriage store check`: hashes all that the evidence store has and compares it with its name. Needs no service, and may run beside one:
 * what is removed meanwhile is not counted.
 * @param open gives the store and how to call it; what it throws makes the store not checkable
 */
export async function checkStore(io: Io, open: () => Promise<{ keeper: EvidenceKeeper; place: string }>, json: boolean): Promise<number> {
  const stopped = new AbortController();
  const forget = io.onStop(() => stopped.abort(new TriageError('cancelled', 'stopped before all files were read')));
  const findings: StoreFindings = { whole: 0, corrupt: [], unreadable: [] };
  try {
    const { keeper, place } = await open();
    await checkAll(io, keeper, findings, json, stopped.signal);
    print(io, place, findings, json);
    if (findings.corrupt.length > 0) return storeCodes.corrupt;
    return findings.unreadable.length > 0 ? storeCodes.notCheckable : storeCodes.whole;
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
    io.err(`the evidence store cannot be checked: ${displayText(error.message)}\n`);
    if (findings.corrupt.length > 0) return storeCodes.corrupt;
    return stopped.signal.aborted ? exitCodes.interrupted : storeCodes.notCheckable;
  } finally {
    forget();
  }
}

async function checkAll(io: Io, keeper: EvidenceKeeper, findings: StoreFindings, json: boolean, signal: AbortSignal): Promise<void> {
  let toldAt = Date.now();
  const tell = (): void => {
    if (Date.now() - toldAt < progressMs) return;
    toldAt = Date.now();
    io.err(`${count(findings)} files so far, ${findings.corrupt.length} corrupt\n`);
  };
  const names = keeper.all(signal)[Symbol.asyncIterator]();
  const worker = async (): Promise<void> => {
    for (let next = await names.next(); next.done !== true; next = await names.next()) {
      const isCorrupt = await checkOne(keeper, next.value, findings, signal);
      if (isCorrupt && !json) io.out(`corrupt: ${next.value}\n`);
      tell();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Says whether the file is corrupt. */
async function checkOne(keeper: EvidenceKeeper, sha256: string, findings: StoreFindings, signal: AbortSignal): Promise<boolean> {
  try {
    if (!(await keeper.check(sha256, signal))) return findings.corrupt.push(sha256) > 0;
    findings.whole += 1;
  } catch (error) {
    if (signal.aborted) throw error;
    const { code, message } = asTriageError(error, 'store-unwritable');
    if (code !== 'not-found') findings.unreadable.push({ sha256, found: message });
  }
  return false;
}

function count({ whole, corrupt, unreadable }: StoreFindings): number {
  return whole + corrupt.length + unreadable.length;
}

function print(io: Io, place: string, findings: StoreFindings, json: boolean): void {
  if (json) {
    io.out(`${safeJson({ store: place, checked: count(findings), ...findings })}\n`);
    return;
  }
  for (const { sha256, found } of findings.unreadable) io.out(`not readable: ${sha256}: ${displayText(found)}\n`);
  const { corrupt, unreadable } = findings;
  const others = corrupt.length + unreadable.length === 0 ? 'all whole' : `${corrupt.length} corrupt, ${unreadable.length} not readable`;
  io.out(`${displayText(place)}: ${count(findings)} files, ${others}\n`);
  if (corrupt.length > 0) io.err('restore corrupt files from a copy, and find out who wrote to them: podtriage never does\n');
}
