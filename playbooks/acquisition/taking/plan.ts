import type { Change } from '../../domain/change.js';
import { pathBytes } from '../../domain/path-name.js';
import type { Limits } from '../../domain/request.js';
import type { Limit } from '../../domain/run.js';
import { subjectOf } from './file-artifact.js';

/** What will be taken, in this order, and what is left out by policy. */
export interface AcquisitionPlan {
  readonly take: readonly Change[];
  readonly limits: readonly Limit[];
}

const scripts = /\.(sh|bash|py|pl|rb|php\d?|phtml|jsp|asp|aspx|cgi|js|so|ko|elf|bin)$/i;
const configuration = /(^|\/)(etc|conf|conf\.d|config)\/|\.(conf|cfg|ini|ya?ml|json|xml|toml|env|properties)$/i;

/** Executables and scripts first, then configuration, then the rest. */
export function rankOf(change: Pick<Change, 'mode' | 'path'>): 0 | 1 | 2 {
  const path = pathBytes(change.path).toString('latin1');
  const executable = change.mode !== undefined && (Number.parseInt(change.mode, 8) & 0o111) !== 0;
  if (executable || scripts.test(path)) return 0;
  return configuration.test(path) ? 1 : 2;
}

/** How many files that a cap leaves out are named; the rest of them is counted. */
const namedPerCap = 200;

/** Chooses the files to take, within the caps on size, number and sum. `untyped`: also those whose type the listing could not say. */
export function planAcquisition(changes: readonly Change[], caps: Limits, untyped = false): AcquisitionPlan {
  const files = changes.filter(
    ({ type, kind, origin, listedOnly }) =>
      kind !== 'deleted' && origin === 'container' && listedOnly !== true && (type === 'file' || (untyped && type === 'unknown')),
  );
  const ranked = files
    .map((change) => ({ change, rank: rankOf(change) }))
    .sort((a, b) => a.rank - b.rank || (a.change.size ?? 0) - (b.change.size ?? 0));
  const take: Change[] = [];
  const left = new LeftOut();
  let bytes = 0;
  for (const { change } of ranked) {
    const size = change.size ?? 0;
    const reason =
      size > caps.fileBytes ? 'file-bytes' : take.length >= caps.files ? 'files' : bytes + size > caps.totalBytes ? 'total-bytes' : undefined;
    if (reason === undefined) {
      take.push(change);
      bytes += size;
    } else left.add(change, reason);
  }
  return { take, limits: left.limits() };
}

/** What caps leave out: the first by name, all by number. */
class LeftOut {
  private readonly named: Limit[] = [];
  private readonly byReason = new Map<string, { files: number; bytes: number }>();

  add(change: Change, reason: string): void {
    const size = change.size ?? 0;
    const sum = this.byReason.get(reason) ?? { files: 0, bytes: 0 };
    if (sum.files < namedPerCap) this.named.push({ subject: subjectOf(change), reason, detail: `${size} bytes` });
    this.byReason.set(reason, { files: sum.files + 1, bytes: sum.bytes + size });
  }

  limits(): Limit[] {
    const sums = [...this.byReason].filter(([, { files }]) => files > namedPerCap);
    const rest = sums.map(([reason, { files, bytes }]) => ({
      subject: `${files - namedPerCap} more files`,
      reason,
      detail: `${files} files with ${bytes} bytes in all were left out by this cap; the listing of changes has them`,
    }));
    return [...this.named, ...rest];
  }
}
