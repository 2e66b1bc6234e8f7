import { execFileSync } from 'node:child_process';
import type { TarEntry } from '../../../playbooks/acquisition/tar/tar-reader.js';
import { readTar } from '../../../playbooks/acquisition/tar/tar-reader.js';

/** An entry with its body read. */
export type ReadEntry = Omit<TarEntry, 'body'> & { readonly content: Buffer };

/** What GNU tar writes to stdout. */
export function tar(...args: readonly string[]): Buffer {
  return execFileSync('tar', [...args], { maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** An archive in chunks of `size` bytes. */
export async function* chunked(archive: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += size) yield await Promise.resolve(archive.subarray(at, at + size));
}

/** All entries with their content. */
export async function readAll(archive: Uint8Array, chunkSize = 1000): Promise<ReadEntry[]> {
  const entries: ReadEntry[] = [];
  for await (const { body, ...entry } of readTar(chunked(archive, chunkSize))) {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    entries.push({ ...entry, content: Buffer.concat(parts) });
  }
  return entries;
}

/** A ustar header by hand. */
export function header(name: string, size: string | Buffer, type = '0'): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 'latin1');
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  if (typeof size === 'string') block.write(size, 124, 'latin1');
  else size.copy(block, 124);
  block.write('00000000000\0', 136);
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  return sealed(block);
}

/** Puts the right checksum into a header. */
export function sealed(block: Buffer): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Pads content to whole blocks. */
export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export const endMark = Buffer.alloc(1024);

/** A pax record. */
export function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A size as eleven octal digits. */
export function octal(size: number): string {
  return `${size.toString(8).padStart(11, '0')}\0`;
}

/** A regular file. */
export function member(name: string, content: string): Buffer {
  return Buffer.concat([header(name, octal(content.length)), padded(Buffer.from(content))]);
}

/** A hard link (`1`) or a symlink (`2`). */
export function link(name: string, target: string, type: '1' | '2'): Buffer {
  const block = header(name, octal(0), type);
  block.write(target, 157, 'latin1');
  return sealed(block);
}
