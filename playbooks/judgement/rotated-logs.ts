import type { Change } from '../domain/change.js';
import { pathBytes } from '../domain/path-name.js';
import { sourceKey } from './subject.js';

/** What rotation puts behind a name or before its `.log`: `.1`, `-20250131`, `.2025-01-31T10`, `.old`; and what compression adds. */
const suffix =
  /(?:[._-]\d{1,4}|[._-]\d{8}(?:[T._-]?\d{1,6})?|[._-]\d{4}-\d{2}-\d{2}(?:[T._-][\d_-]{1,8})?|\.old)(?:\.log)?(?<packed>\.(?:gz|xz|bz2|zst|lz4))?$|(?<alone>\.(?:gz|xz|bz2|zst|lz4))$/;
/** No suffix is longer, in bytes. */
const longestSuffix = 40;
/** Of an empty file, compressed: gzip needs 20 bytes for nothing. */
const emptyCompressed = 32;

/**
 * Copies that rotation left beside the logs of a run, by path. A copy counts only if it can hold what the log had: an empty file that is called
 * like one does not make a truncated log a rotated one.
 */
export class RotatedLogs {
  /** The size of the largest copy; without end where one is compressed. */
  readonly #copies = new Map<string, number>();

  constructor(changes: Iterable<Change>) {
    for (const change of changes) {
      if (change.type !== 'file' || change.kind === 'deleted') continue;
      const path = pathBytes(change.path).toString('latin1');
      const cut = suffixOf(path);
      if (cut === undefined) continue;
      const { size = 0 } = change;
      const holds = cut.compressed ? (size > emptyCompressed ? Infinity : 0) : size;
      for (const original of originals(path, cut.length)) {
        const key = keyOf(change, original);
        this.#copies.set(key, Math.max(holds, this.#copies.get(key) ?? 0));
      }
    }
  }

  /** Whether a copy of a log can hold what the image's log had. */
  has(change: Change): boolean {
    const path = pathBytes(change.path).toString('latin1');
    const cut = suffixOf(path);
    // What was a copy itself moves on: app.log.1 becomes app.log.2.
    const names = cut === undefined ? [path] : [path, ...originals(path, cut.length)];
    const copy = Math.max(...names.map((name) => this.#copies.get(keyOf(change, name)) ?? 0));
    return copy > 0 && copy >= (change.sizeBefore ?? 0);
  }
}

function suffixOf(path: string): { length: number; compressed: boolean } | undefined {
  const match = suffix.exec(path.slice(-longestSuffix));
  if (match === null) return undefined;
  return { length: match[0].length, compressed: match.groups?.['packed'] !== undefined || match.groups?.['alone'] !== undefined };
}

/** `app.log` for `app.log.1`, and for `app-20250131.log` too. */
function originals(path: string, suffixLength: number): string[] {
  const plain = path.slice(0, path.length - suffixLength);
  return [plain, `${plain}.log`];
}

function keyOf({ containerId, place }: Change, path: string): string {
  return sourceKey({ containerId, place, path: { b64: Buffer.from(path, 'latin1').toString('base64'), text: '' } });
}
