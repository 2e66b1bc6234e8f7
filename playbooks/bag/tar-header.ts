/** From this size on a size does not fit the header: eleven octal digits (POSIX.1-2017, pax, "ustar Interchange Format"). */
const beyondOctal = 8 ** 11;
const blockSize = 512;

/** What is said of a file in an archive. */
export interface TarMember {
  /** ASCII; at most 100 characters after the last `/`, and 155 before it. */
  readonly name: string;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** The blocks before a regular file's content: its header, and from 8 GiB on a pax header with its size. Mode 0400, owned by nobody in particular. */
export function tarHeader(member: TarMember): Buffer {
  if (member.size < beyondOctal) return block(member, '0');
  const record = paxRecord('size', String(member.size));
  const pax = block({ ...member, name: 'podtriage-pax', size: record.length }, 'x');
  return Buffer.concat([pax, record, tarPadding(record.length), block({ ...member, size: 0 }, '0')]);
}

/** What follows a content of this size. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** What ends an archive. */
export const tarEnd = Buffer.alloc(2 * blockSize);

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.from(`${length}${rest}`);
}

function block({ name, size, mtime }: TarMember, typeflag: string): Buffer {
  const header = Buffer.alloc(blockSize);
  const slash = name.length > 100 ? name.lastIndexOf('/') : -1;
  header.write(name.slice(slash + 1), 0, 100, 'latin1');
  header.write('0000400\x000000000\x000000000\x00', 100, 'latin1');
  header.write(`${octal(size)}\0${octal(mtime)}\0`, 124, 'latin1');
  header.write(`        ${typeflag}`, 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write('0000000\x000000000\x00', 329, 'latin1');
  if (slash !== -1) header.write(name.slice(0, slash), 345, 155, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function octal(value: number): string {
  return value.toString(8).padStart(11, '0');
}
