import { type Artifact, artifactId, sourceOfChange } from '../../domain/artifact.js';
import type { Change } from '../../domain/change.js';
import type { StepContext } from '../../ports.js';
import type { Hashed, Moved } from '../trees/tree-reader.js';
import { contentOf, fileArtifact, gapOf, subjectOf } from './file-artifact.js';

/** One file on its way. */
export interface Candidate {
  readonly change: Change;
  readonly path: Buffer;
  /** latin1 of the path. */
  readonly key: string;
  /** As listed, or as the node saw it last. */
  readonly size: number;
}

/** What one try at a group gave: artifacts, and the files that are to be tried again. */
export interface GroupResult {
  readonly artifacts: Artifact[];
  readonly unsettled: Candidate[];
  /** True when an archive had to be ended before all of its files had come. */
  wasCut: boolean;
  /** False at the last try: then nothing is tried again. */
  readonly strict: boolean;
}

type HashedFile = Extract<Hashed, { outcome: 'hashed' }>;
type KnownContent = Awaited<ReturnType<typeof contentOf>>;

/** A file that policy leaves on the node. */
export function leave({ change }: Candidate, hashed: HashedFile, head: Uint8Array | undefined, { artifacts }: GroupResult, ctx: StepContext): void {
  const evidence = { sha256: hashed.sha256, size: hashed.size, head: head ?? new Uint8Array() };
  const { content, ...artifact } = fileArtifact(change, 'node', evidence, ctx);
  const known = head === undefined && evidence.size > 0 ? 'unknown' : content;
  artifacts.push({ ...artifact, content: known, left: true, ...identityOf(hashed), ...(hashed.steady ? {} : { unstable: true }) });
}

/** A file that was asked to be moved. It counts only if what came is what the node has hashed; at the last try, whatever came counts. */
export async function settleMoved(
  each: Candidate,
  hashed: Hashed | undefined,
  moved: Moved | undefined,
  result: GroupResult,
  ctx: StepContext,
): Promise<void> {
  if (moved?.outcome !== 'stored') {
    await settleWithout(each, moved?.outcome ?? (hashed?.outcome === 'hashed' ? 'not-sent' : undefined), result, ctx);
    return;
  }
  const { evidence } = moved;
  const agrees = hashed?.outcome === 'hashed' && hashed.steady && hashed.sha256 === evidence.sha256 && hashed.size === evidence.size;
  // What is gone after it came cannot be taken again.
  if (!agrees && result.strict && hashed !== undefined) {
    await settleWithout(each, 'differs', result, ctx);
    return;
  }
  const artifact = fileArtifact(each.change, 'node', evidence, ctx);
  result.artifacts.push({ ...artifact, ...identityOf(hashed), ...(agrees ? {} : { unstable: true }) });
}

/** The content of a file that the store has already, or that another file of the group has just brought. */
export async function knownContent({ sha256 }: HashedFile, { evidence }: StepContext): Promise<KnownContent | undefined> {
  return (await evidence.has(sha256)) ? contentOf(evidence, sha256) : undefined;
}

/** A file whose content need not be moved; see {@link knownContent}. */
export async function settleKnown(
  each: Candidate,
  hashed: HashedFile,
  content: KnownContent | undefined,
  result: GroupResult,
  ctx: StepContext,
): Promise<void> {
  if (content === undefined) {
    await settleWithout(each, 'differs', result, ctx);
    return;
  }
  const artifact = fileArtifact(each.change, 'node', { ...content, size: hashed.size }, ctx);
  result.artifacts.push({ ...artifact, ...identityOf(hashed), known: true });
}

/** A file that the node did not hash, or that changed meanwhile. */
export async function settleUnread(each: Candidate, hashed: Hashed | undefined, result: GroupResult, ctx: StepContext): Promise<void> {
  if (hashed?.outcome !== 'too-large') await settleWithout(each, hashed?.outcome, result, ctx);
  else if (hashed.size > ctx.run.limits.fileBytes) overCap(each, hashed.size, ctx);
  else await settleWithout({ ...each, size: hashed.size }, 'differs', result, ctx);
}

/** What is not had now, or not at all. Undefined: the node did not say a word about it. */
async function settleWithout(
  each: Candidate,
  outcome: Exclude<Hashed['outcome'], 'too-large'> | Exclude<Moved['outcome'], 'stored'> | 'not-sent' | undefined,
  result: GroupResult,
  ctx: StepContext,
): Promise<void> {
  const { change } = each;
  switch (outcome) {
    case undefined:
      gapOf(ctx, change, 'could-not-read', 'it vanished, or cannot be read on the node, or somebody kept a lease on it for longer than is waited');
      break;
    case 'not-sent':
      again(
        each,
        'could-not-read',
        'it was hashed, but did not come: it vanished, or somebody kept a lease on it for longer than is waited',
        result,
        ctx,
      );
      break;
    case 'not-a-file':
      gapOf(ctx, change, 'not-a-file', 'it was replaced by something that is no regular file while it was acquired');
      break;
    case 'path-too-long':
      gapOf(ctx, change, 'path-too-long', 'there are too many paths above 4,096 bytes; they are listed, not taken');
      break;
    case 'path-race':
      // What was read may be another file's: it is not kept, not recorded and not asked about.
      await ctx.record({ act: 'artifact.discarded', subject: artifactId('file', sourceOfChange(change)), detail: { reason: 'path-race' } });
      again(each, 'path-race', 'a directory above it was changed each time while it was read; what was read was thrown away', result, ctx);
      break;
    case 'cut':
      result.wasCut = true;
      again(each, 'unstable', 'it grew without end each time it was read', result, ctx);
      break;
    case 'differs':
    case 'unsure':
    case 'hashed':
      again(each, 'unstable', 'it changed each time it was read', result, ctx);
      break;
  }
}

/** Takes it once more, or says at the last try why not. */
function again(each: Candidate, reason: string, detail: string, { strict, unsettled }: GroupResult, ctx: StepContext): void {
  if (strict) unsettled.push(each);
  else gapOf(ctx, each.change, reason, detail);
}

function identityOf(hashed: Hashed | undefined): Pick<Artifact, 'identity'> {
  return hashed?.outcome === 'hashed' ? { identity: hashed.identity } : {};
}

function overCap({ change }: Candidate, size: number, ctx: StepContext): void {
  ctx.limit({ subject: subjectOf(change), reason: 'file-bytes', detail: `${size} bytes; it grew after it was listed` });
}
