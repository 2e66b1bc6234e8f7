import type { Change } from '../../domain/change.js';
import { TriageError } from '../../domain/error.js';
import { pathBytes } from '../../domain/path-name.js';
import type { PodRef, StagedEvidence, StepContext } from '../../ports.js';
import { readTar, type TarEntry } from '../tar/tar-reader.js';

/** Headers, a long name and the end mark of an archive of one file. */
const archiveOverhead = 1024 * 1024;

/** What came of one file: its bytes, or what policy says to it. */
export type Copied =
  | { readonly outcome: 'taken'; readonly staged: StagedEvidence }
  | { readonly outcome: 'left'; readonly reason: 'file-bytes' | 'total-bytes' | 'not-a-file'; readonly detail: string };

/** How much may still be taken, in bytes. */
interface Allowance {
  readonly fileBytes: number;
  readonly totalBytes: number;
}

/**
 * Takes one file through the container's own tar. Its bytes stay staged until the caller knows whose they are.
 * Only an archive that holds just this one regular file, that is complete, and that the API server calls a success, counts. Throws
 * `command-failed` for any other, `transfer-truncated`, `limit-exceeded`, `timeout` and what the port throws.
 */
export async function copyOut(ctx: StepContext, ref: PodRef, change: Change, allowance: Allowance): Promise<Copied> {
  const path = pathInContainer(change);
  const cap = Math.min(allowance.fileBytes, allowance.totalBytes);
  const archive = await ctx.inContainer.archive(ref, change.container, path, cap + archiveOverhead, ctx.signal);
  let staged: StagedEvidence | undefined;
  try {
    for await (const entry of readTar(archive)) {
      if (staged !== undefined) throw foreign('holds more than the one file that was asked for');
      checkName(entry, path);
      const left = whyLeft(entry, change, allowance);
      // Leaving the loop closes the connection, and that ends tar.
      if (left !== undefined) return left;
      staged = await ctx.evidence.stage(entry.body, ctx.signal, { size: entry.size });
    }
    if (staged === undefined) throw foreign('does not hold the file that was asked for');
    return { outcome: 'taken', staged };
  } catch (error) {
    await staged?.discard();
    throw error;
  }
}

/** Where the file is as processes of the container see it. */
function pathInContainer({ place, path }: Change): Buffer {
  const root = place.kind === 'volume' ? place.mountPath.replace(/\/+$/, '') : '';
  return Buffer.concat([Buffer.from(`${root}/`), pathBytes(path)]);
}

/** tar names what it is given, without the `/` in front of it; a directory gets one behind it. */
function checkName(entry: TarEntry, path: Buffer): void {
  const wanted = path.subarray(1);
  const named = entry.type === 'directory' && entry.name.at(-1) === 0x2f ? entry.name.subarray(0, -1) : entry.name;
  if (!named.equals(wanted)) throw foreign('holds a file that was not asked for');
}

function whyLeft({ type, size }: TarEntry, change: Change, { fileBytes, totalBytes }: Allowance): Copied | undefined {
  const said = `the container's tar says that it`;
  if (type === 'hardlink') throw foreign('holds a hard link to a file that it does not hold');
  if (type !== 'file') {
    if (change.type === 'file') throw foreign(`holds a ${type} in place of the file`);
    return { outcome: 'left', reason: 'not-a-file', detail: `${said} is a ${type}` };
  }
  if (size <= fileBytes && size <= totalBytes) return undefined;
  return { outcome: 'left', reason: size > fileBytes ? 'file-bytes' : 'total-bytes', detail: `${said} has ${size} bytes` };
}

function foreign(what: string): TriageError {
  return new TriageError('command-failed', `the archive that the container's tar sent ${what}`);
}
