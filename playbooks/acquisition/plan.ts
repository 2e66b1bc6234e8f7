import type { Change } from '../domain/change.js';
import { pathBytes } from '../domain/path-name.js';
import type { Limits } from '../domain/request.js';
import type { Limit } from '../domain/run.js';

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

/** Chooses the files to take, within the caps on size, number and sum. `untyped`: also those whose type the listing could not say. */
export function planAcquisition(changes: readonly Change[], caps: Limits, untyped = false): AcquisitionPlan {
  const files = changes.filter(
    ({ type, kind, origin }) => kind !== 'deleted' && origin === 'container' && (type === 'file' || (untyped && type === 'unknown')),
  );
  const ranked = files
    .map((change) => ({ change, rank: rankOf(change) }))
    .sort((a, b) => a.rank - b.rank || (a.change.size ?? 0) - (b.change.size ?? 0));
  const take: Change[] = [];
  const limits: Limit[] = [];
  let bytes = 0;
  for (const { change } of ranked) {
    const size = change.size ?? 0;
    const reason =
      size > caps.fileBytes ? 'file-bytes' : take.length >= caps.files ? 'files' : bytes + size > caps.totalBytes ? 'total-bytes' : undefined;
    if (reason === undefined) {
      take.push(change);
      bytes += size;
    } else {
      limits.push({ subject: `${change.container}:/${change.path.text}`, reason, detail: `${size} bytes` });
    }
  }
  return { take, limits };
}
