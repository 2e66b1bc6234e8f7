import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { abortReason, asTriageError, TriageError } from '../../../playbooks/domain/error.js';

/** A hash and the longest name that sha256sum can print have less. */
const maxLine = 16 * 1024;
const newline = 0x0a;

/** Takes a line: `bytes` from `from` to `to`, without its newline, valid during the call. Lines are counted from 1. */
export type TakeLine = (bytes: Buffer, from: number, to: number, number: number) => void;

/**
 * Reads a file line by line, unpacked where it begins as gzip does. Nothing is kept of it.
 * Throws `config-invalid` naming the file when it cannot be read or unpacked or a line is too long, what `take` throws, or why the signal was aborted.
 */
export async function forEachLine(path: string, signal: AbortSignal, take: TakeLine): Promise<void> {
  try {
    const source = await openUnpacked(path, signal);
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    for await (const chunk of source) {
      const bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
      let from = 0;
      for (let to = bytes.indexOf(newline); to !== -1; to = bytes.indexOf(newline, from)) {
        number += 1;
        take(bytes, from, to, number);
        from = to + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > maxLine) throw new TriageError('config-invalid', `hash list ${path}, line ${number + 1}: longer than ${maxLine} bytes`);
    }
    if (rest.length > 0) take(rest, 0, rest.length, number + 1);
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    throw asTriageError(error, 'config-invalid', `hash list ${path} cannot be read`);
  }
}

async function openUnpacked(path: string, signal: AbortSignal): Promise<Readable> {
  const handle = await open(path);
  try {
    if (!(await handle.stat()).isFile()) throw new TriageError('config-invalid', `hash list ${path} is no file`);
    const start = Buffer.alloc(2);
    await handle.read(start, 0, 2, 0);
    const source = handle.createReadStream({ start: 0, signal });
    if (start.readUInt16BE() !== 0x1f8b) return source;
    // Its errors are read from the unpacked stream.
    return pipeline(source, createGunzip({ chunkSize: 64 * 1024 }), () => undefined);
  } catch (error) {
    await handle.close();
    throw error;
  }
}
