import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { tarEnd, tarHeader, tarPadding } from '../../playbooks/bag/tar-header.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { gathered } from './gathered.js';
import { spool } from './spool.js';

/** Files as a tar archive. What has no size before its content is spooled. Ends early, without the end mark, when a file fails. */
export function tarOf(files: AsyncIterable<BagFile>, { at }: { readonly at: Date }): AsyncGenerator<Uint8Array> {
  return gathered(members(files, at));
}

async function* members(files: AsyncIterable<BagFile>, at: Date): AsyncGenerator<Uint8Array> {
  const mtime = Math.floor(at.getTime() / 1_000);
  for await (const { path: name, size, bytes } of files) {
    if (size !== undefined) yield* member(name, size, mtime, bytes);
    else {
      const held = await spool(bytes);
      try {
        yield* member(name, held.size, mtime, held.bytes());
      } finally {
        await held.close();
      }
    }
  }
  yield tarEnd;
}

async function* member(name: string, size: number, mtime: number, bytes: BagFile['bytes']): AsyncGenerator<Uint8Array> {
  yield tarHeader({ name, size, mtime });
  let left = size;
  for await (const chunk of bytes) {
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  if (left !== 0) throw new TriageError('store-corrupt', `${name} has ${left < 0 ? 'more' : 'fewer'} bytes than the ${size} that are recorded`);
  yield tarPadding(size);
}
