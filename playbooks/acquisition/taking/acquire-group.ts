import type { Artifact } from '../../domain/artifact.js';
import type { Change } from '../../domain/change.js';
import { pathBytes } from '../../domain/path-name.js';
import type { EvidencePort, Moving, StepContext } from '../../ports.js';
import { ahead } from '../ahead.js';
import type { FileToMove, Hashed, Moved, TreeReader } from '../trees/tree-reader.js';
import { headBytes, isLeft, mayBeLeft } from './selection.js';
import { type Candidate, type GroupResult, knownContent, leave, settleKnown, settleMoved, settleUnread } from './settle.js';

/** From this size on, hashing first would take as long as moving: both are done at the same time, and compared. */
const besideBytes = 32 * 1024 * 1024;

/** A group with what the node has said of its files, before anything is moved. Large files are hashed later, beside their transfer. */
export interface Prepared {
  readonly candidates: readonly Candidate[];
  readonly beside: readonly Candidate[];
  readonly hashes: ReadonlyMap<string, Hashed>;
  readonly heads: ReadonlyMap<string, Uint8Array>;
}

type Mode = StepContext['run']['request']['options']['acquire'];

/** What a file is to be taken as. */
export function candidateOf(change: Change): Candidate {
  const path = pathBytes(change.path);
  return { change, path, key: path.toString('latin1'), size: change.size ?? 0 };
}

/** Asks the node about a group of files: hashes, and the first bytes of those that may be left there. Records nothing. */
export async function prepareGroup(reader: TreeReader, candidates: readonly Candidate[], mode: Mode, signal: AbortSignal): Promise<Prepared> {
  const leaving = mode === 'selected' ? candidates.filter(({ change }) => mayBeLeft(change)) : [];
  const beside = mode === 'hashes' ? [] : candidates.filter((each) => each.size >= besideBytes && !leaving.includes(each));
  const first = candidates.filter((each) => !beside.includes(each));
  const hashes = await reader.hash(first, signal);
  const steady = leaving.filter(({ key }) => isSteady(hashes.get(key))).map(({ path }) => path);
  const heads = steady.length === 0 ? undefined : await reader.heads?.(steady, headBytes, signal);
  return { candidates, beside, hashes, heads: heads ?? new Map() };
}

/**
 * Moves the files of a group whose content the evidence store does not have, and says what became of each.
 * @param arrived called when all that had to come has come for the first time
 */
export async function takeGroup(reader: TreeReader, prepared: Prepared, ctx: StepContext, arrived?: () => void): Promise<Artifact[]> {
  const mode = ctx.run.request.options.acquire;
  const first = await attempt(reader, prepared, true, ctx, arrived);
  // A file that changed meanwhile is taken again; if it will not hold still, what came is kept and labelled.
  const second = await attempt(reader, await again(reader, first, mode, ctx), true, ctx);
  const third = await last(reader, await again(reader, second, mode, ctx), second.wasCut, ctx);
  return [...first.artifacts, ...second.artifacts, ...third];
}

async function again(reader: TreeReader, { unsettled }: GroupResult, mode: Mode, ctx: StepContext): Promise<Prepared> {
  const none: Prepared = { candidates: [], beside: [], hashes: new Map(), heads: new Map() };
  if (unsettled.length === 0) return none;
  const prepared = await prepareGroup(reader, unsettled, mode, ctx.signal);
  // Hashed first this time: what changes under our hands is not to come in vain again.
  if (prepared.beside.length === 0) return prepared;
  const late = await reader.hash(prepared.beside, ctx.signal);
  return { ...prepared, beside: [], hashes: new Map([...prepared.hashes, ...late]) };
}

/** Whatever comes now is taken. Where one file made the archive of all end early, each has one of its own. */
async function last(reader: TreeReader, prepared: Prepared, wasCut: boolean, ctx: StepContext): Promise<Artifact[]> {
  const groups = wasCut ? prepared.candidates.map((each) => ({ ...prepared, candidates: [each] })) : [prepared];
  const artifacts: Artifact[] = [];
  for (const group of groups) {
    const result = await attempt(reader, group, false, ctx);
    artifacts.push(...result.artifacts);
  }
  return artifacts;
}

async function attempt(reader: TreeReader, prepared: Prepared, strict: boolean, ctx: StepContext, arrived?: () => void): Promise<GroupResult> {
  const result: GroupResult = { artifacts: [], unsettled: [], wasCut: false, strict };
  const { candidates } = prepared;
  if (candidates.length === 0) return result;
  const there = await thoseThere(prepared, ctx);
  const stays = thoseThatStay(prepared, there, result, ctx);
  const lacked = lacking(prepared, there, stays, strict, ctx);
  const claim = await ctx.moves.begin(strict ? contentsOf(lacked, prepared) : []);
  const { moving, moved, late } = await moveMine(reader, { prepared, lacked, claim, strict, arrived }, ctx).finally(() => claim.done());
  await claim.others(ctx.signal);
  const hashes = new Map([...prepared.hashes, ...late]);
  const first = new Set(moving.values());
  for (const each of candidates) {
    if (first.has(each)) await settleMoved(each, hashes.get(each.key), moved.get(each.key), result, ctx);
  }
  const rest = candidates.filter((each) => !first.has(each) && !stays.has(each)).map((each) => ({ each, hashed: hashes.get(each.key) }));
  const contents = ahead(rest, async ({ hashed }) => (isSteady(hashed) ? knownContent(hashed, ctx) : undefined));
  for await (const [{ each, hashed }, content] of contents) {
    if (isSteady(hashed)) await settleKnown(each, hashed, content, result, ctx);
    else await settleUnread(each, hashed, result, ctx);
  }
  return result;
}

interface Move {
  readonly prepared: Prepared;
  readonly lacked: ReadonlyMap<string, Candidate>;
  readonly claim: Moving;
  readonly strict: boolean;
  readonly arrived: (() => void) | undefined;
}

async function moveMine(
  reader: TreeReader,
  { prepared, lacked, claim, strict, arrived }: Move,
  ctx: StepContext,
): Promise<{ moving: ReadonlyMap<string, Candidate>; moved: Map<string, Moved>; late: Map<string, Hashed> }> {
  const moving = await notElsewhere(lacked, prepared, claim, strict, ctx);
  const files = [...moving.values()].map((each) => fileToMove(each, prepared.hashes.get(each.key)));
  if (files.length === 0) arrived?.();
  const [moved, late] = await both(reader, files, prepared, { evidence: ctx.evidence, strict, arrived }, ctx.signal);
  return { moving, moved, late };
}

/** Moves, and hashes large files at the same time; the first failure ends both. */
async function both(
  reader: TreeReader,
  files: readonly FileToMove[],
  { beside }: Prepared,
  to: Parameters<TreeReader['move']>[1],
  signal: AbortSignal,
): Promise<[Map<string, Moved>, Map<string, Hashed>]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const end = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  const moving = files.length === 0 ? Promise.resolve(new Map<string, Moved>()) : reader.move(files, to, either).catch(end);
  const hashing = beside.length === 0 ? Promise.resolve(new Map<string, Hashed>()) : reader.hash(beside, either).catch(end);
  const [moved, hashed] = await Promise.allSettled([moving, hashing]);
  if (failed.signal.aborted) throw failed.signal.reason;
  if (moved.status === 'rejected') throw moved.reason;
  if (hashed.status === 'rejected') throw hashed.reason;
  return [moved.value, hashed.value];
}

/** Which contents the evidence store has. It is asked about all of them at once. */
function thoseThere({ hashes }: Prepared, { evidence }: StepContext): Promise<ReadonlySet<string>> {
  return thoseKept(new Set([...hashes.values()].filter(isSteady).map(({ sha256 }) => sha256)), evidence);
}

async function thoseKept(contents: ReadonlySet<string>, evidence: EvidencePort): Promise<ReadonlySet<string>> {
  const all = [...contents];
  const there = await Promise.all(all.map((sha256) => evidence.has(sha256)));
  return new Set(all.filter((_sha256, at) => there[at] === true));
}

/** Files that policy leaves on the node, recorded as such. Those whose content the store has anyway are not among them. */
function thoseThatStay(
  { candidates, hashes, heads }: Prepared,
  there: ReadonlySet<string>,
  result: GroupResult,
  ctx: StepContext,
): ReadonlySet<Candidate> {
  const mode = ctx.run.request.options.acquire;
  const stays = new Set<Candidate>();
  for (const each of candidates) {
    const hashed = hashes.get(each.key);
    if (hashed?.outcome !== 'hashed' || (result.strict && !hashed.steady)) continue;
    const head = heads.get(each.key);
    if (mode !== 'hashes' && !(mode === 'selected' && hashed.steady && isLeft(each.change, head))) continue;
    if (hashed.steady && there.has(hashed.sha256)) continue;
    stays.add(each);
    leave(each, hashed, head, result, ctx);
  }
  return stays;
}

/** The first candidate of each content that the store does not have: each content is moved once. */
function lacking(
  { candidates, beside, hashes }: Prepared,
  there: ReadonlySet<string>,
  stays: ReadonlySet<Candidate>,
  strict: boolean,
  ctx: StepContext,
): Map<string, Candidate> {
  const moving = new Map<string, Candidate>();
  if (ctx.run.request.options.acquire === 'hashes') return moving;
  for (const each of candidates) {
    const hashed = hashes.get(each.key);
    if (stays.has(each)) continue;
    // At the last try files of equal content come each for itself: the one that stands for the others may still change.
    const own = `path ${each.key}`;
    if (beside.includes(each) || isWorthATry(hashed, strict)) moving.set(own, each);
    else if (isSteady(hashed)) {
      const content = strict ? `sha256 ${hashed.sha256}` : own;
      if (!moving.has(content) && !there.has(hashed.sha256)) moving.set(content, each);
    }
  }
  return moving;
}

/** The contents of files that are to be moved, where they are known. */
function contentsOf(moving: ReadonlyMap<string, Candidate>, { hashes }: Prepared): string[] {
  return [...moving.values()].flatMap(({ key }) => {
    const hashed = hashes.get(key);
    return isSteady(hashed) ? [hashed.sha256] : [];
  });
}

/** Those whose content nobody else moves at this moment, nor has brought since the store was asked. At the last try none is left out. */
async function notElsewhere(
  moving: ReadonlyMap<string, Candidate>,
  { hashes }: Prepared,
  { mine }: Moving,
  strict: boolean,
  { evidence }: StepContext,
): Promise<ReadonlyMap<string, Candidate>> {
  if (!strict) return moving;
  const come = await thoseKept(mine, evidence);
  const stay = (hashed: Hashed | undefined): boolean => isSteady(hashed) && (!mine.has(hashed.sha256) || come.has(hashed.sha256));
  return new Map([...moving].filter(([, { key }]) => !stay(hashes.get(key))));
}

/** At the last try also what would not hold still while it was hashed. */
function isWorthATry(hashed: Hashed | undefined, strict: boolean): boolean {
  if (strict) return false;
  return hashed?.outcome === 'unsure' || (hashed?.outcome === 'hashed' && !hashed.steady);
}

function isSteady(hashed: Hashed | undefined): hashed is Extract<Hashed, { outcome: 'hashed' }> {
  return hashed?.outcome === 'hashed' && hashed.steady;
}

function fileToMove({ path, size }: Candidate, hashed: Hashed | undefined): FileToMove {
  if (hashed?.outcome !== 'hashed') return { path, size };
  return { path, size: hashed.size, ...(hashed.steady ? { sha256: hashed.sha256 } : {}) };
}
