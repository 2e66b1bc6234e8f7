import { ContentScanner } from '../../../playbooks/content/content-scanner.js';
import { type ContentFacts, contentFactsSchema } from '../../../playbooks/domain/content.js';

type Scanned = Omit<ContentFacts, 'sha256'>;

/** The facts of bytes that come in chunks of the sizes given, in turn. They satisfy their schema, or this throws. */
export function scan(content: Uint8Array | string, sizes: readonly number[] = [65_536], scanner = new ContentScanner()): Scanned {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    scanner.update(bytes.subarray(at, at + size));
    at += size;
  }
  const facts = scanner.finish();
  contentFactsSchema.parse({ sha256: '0'.repeat(64), ...facts });
  return facts;
}

/** The strings found in a text, each as `kind text`. */
export function stringsIn(content: Uint8Array | string): string[] {
  return scan(content).strings.map(({ kind, text }) => `${kind} ${text}`);
}
