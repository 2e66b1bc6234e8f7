/** What begins with which bytes, in the words of file(1) cut short. The first that agrees counts. */
const magics: readonly (readonly [offset: number, bytes: string, type: string])[] = [
  [0, '\x7fELF', 'ELF'],
  [0, '#!', 'script'],
  [0, '\xfe\xed\xfa\xce', 'Mach-O'],
  [0, '\xfe\xed\xfa\xcf', 'Mach-O'],
  [0, '\xce\xfa\xed\xfe', 'Mach-O'],
  [0, '\xcf\xfa\xed\xfe', 'Mach-O'],
  [0, '\0asm', 'wasm'],
  [0, 'dex\n', 'Dalvik'],
  [0, '\x1bLua', 'Lua bytecode'],
  [0, '\x1f\x8b', 'gzip'],
  [0, '\x1f\x9d', 'compress'],
  [0, '\xfd7zXZ\0', 'xz'],
  [0, 'BZh', 'bzip2'],
  [0, '\x28\xb5\x2f\xfd', 'zstd'],
  [0, '\x04\x22\x4d\x18', 'lz4'],
  [0, 'PK\x03\x04', 'zip'],
  [0, 'PK\x05\x06', 'zip'],
  [0, '7z\xbc\xaf\x27\x1c', '7z'],
  [0, 'Rar!\x1a\x07', 'RAR'],
  [257, 'ustar', 'tar'],
  [0, '070701', 'cpio'],
  [0, '070702', 'cpio'],
  [0, '\xed\xab\xee\xdb', 'rpm'],
  [0, '!<arch>\ndebian', 'deb'],
  [0, '!<arch>\n', 'ar'],
  [0, 'hsqs', 'squashfs'],
  [0, '\x89PNG\r\n\x1a\n', 'PNG'],
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, 'GIF87a', 'GIF'],
  [0, 'GIF89a', 'GIF'],
  [0, '\0\0\x01\0', 'icon'],
  [8, 'WEBP', 'WebP'],
  [0, 'RIFF', 'RIFF'],
  [0, 'OggS', 'Ogg'],
  [4, 'ftyp', 'MP4'],
  [0, 'wOFF', 'font'],
  [0, 'wOF2', 'font'],
  [0, '\0\x01\0\0\0', 'font'],
  [0, 'OTTO', 'font'],
  [0, '%PDF-', 'PDF'],
  [0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'OLE document'],
  [0, '{\\rtf', 'RTF'],
  [0, 'SQLite format 3\0', 'SQLite'],
  [0, 'LPKSHHRH', 'systemd journal'],
  [0, '\xd4\xc3\xb2\xa1', 'pcap'],
  [0, '\xa1\xb2\xc3\xd4', 'pcap'],
  [0, '\x0a\x0d\x0d\x0a', 'pcapng'],
  [0, 'LUKS\xba\xbe', 'LUKS'],
  [0, 'PACK\0\0\0\x02', 'git pack'],
  [0, 'DIRC\0\0\0', 'git index'],
  [0, '\xde\x12\x04\x95', 'gettext catalogue'],
  [0, '\x95\x04\x12\xde', 'gettext catalogue'],
  [0, 'TZif', 'time zone'],
];

/** Control characters that text has: bell to carriage return, and escape, as file(1) counts (src/encoding.c). */
const control = /[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]/;

/**
 * What a file is by its first bytes.
 *
 * @param head as many of them as there are to see; a text that is cut inside of a character is still text
 */
export function typeOf(head: Buffer): string {
  if (head.length === 0) return 'empty';
  for (const [offset, bytes, type] of magics) if (head.toString('latin1', offset, offset + bytes.length) === bytes) return type;
  return compiledType(head) ?? textType(head) ?? 'data';
}

/** What more than a fixed text tells apart. */
function compiledType(head: Buffer): string | undefined {
  if (head.length < 8) return undefined;
  // One magic number for two: a fat binary has few parts, and Java's versions begin at 45 (JVM specification, 4.1).
  if (head.readUInt32BE(0) === 0xcafebabe) return head.readUInt32BE(4) < 45 ? 'Mach-O' : 'Java class';
  const version = head.readUInt16LE(0);
  // Every version of Python has a number of its own before "\r\n" (Lib/importlib/_bootstrap_external.py).
  if (head.readUInt16BE(2) === 0x0d0a && ((version >= 3_000 && version < 4_000) || version === 62_211)) return 'Python bytecode';
  return head.readUInt16BE(0) === 0x4d5a ? executableOf(head) : undefined;
}

/** The header of DOS names the place of that of Windows (PE format, "MS-DOS stub"). */
function executableOf(head: Buffer): string | undefined {
  const at = head.length >= 0x40 ? head.readUInt32LE(0x3c) : head.length;
  if (head.toString('latin1', at, at + 4) === 'PE\0\0') return 'PE';
  return control.test(head.toString('latin1', 0, 0x40)) ? 'DOS executable' : undefined;
}

function textType(head: Buffer): string | undefined {
  const start = head.length >= 2 ? head.readUInt16BE(0) : 0;
  if (start === 0xfffe || start === 0xfeff) return 'text UTF-16';
  const plain = head.toString('latin1');
  if (control.test(plain)) return undefined;
  if (/^(?:\xef\xbb\xbf)?\s{0,100}<\?(?:php|=)/i.test(plain)) return 'PHP';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return 'text';
  } catch {
    return /[\x80-\x9f]/.test(plain) ? undefined : 'text ISO-8859';
  }
}
