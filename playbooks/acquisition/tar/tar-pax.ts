import { broken } from './tar-header.js';

/** What pax records of one entry say; fields that the reader does not use are left out. Extended attributes stay raw. */
export interface PaxRecords {
  path?: Buffer;
  linkpath?: Buffer;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** By their name without `SCHILY.xattr.`. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

const xattrPrefix = 'SCHILY.xattr.';
/** A file whose data is not what its name says: only its parts between holes (GNU tar, star and Solaris). */
const sparse = /^(GNU\.sparse\.|SCHILY\.realsize$|SUN\.holesdata$)/;
/** What only one member can have. In a global header it would give all that follow the same name or size. */
const ofOneMember: ReadonlySet<string> = new Set(['path', 'linkpath', 'size']);
const lf = 0x0a;

/**
 * Parses a pax header's body, records of the form `LENGTH KEY=VALUE\n`. An empty value takes the key back.
 * Throws `transfer-truncated` when a record is malformed or names a sparse file, whose data is not what its name says.
 */
export function parsePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const digits = /^[1-9][0-9]{0,7} /.exec(body.toString('latin1', at, at + 9))?.[0];
    if (digits === undefined) throw broken('a pax record has no length');
    const end = at + Number(digits);
    const equals = body.indexOf('=', at + digits.length);
    if (end > body.length || equals === -1 || equals >= end || body[end - 1] !== lf) throw broken('a pax record is malformed');
    const key = body.toString('utf8', at + digits.length, equals);
    if (sparse.test(key)) throw broken('it holds a sparse file in a form that nobody asked for');
    records.set(key, Buffer.from(body.subarray(equals + 1, end - 1)));
    at = end;
  }
  return records;
}

/** Parses the body of a global header. Throws as {@link parsePax} does, and for what cannot be true of several members. */
export function parseGlobalPax(body: Buffer): Map<string, Buffer> {
  const records = parsePax(body);
  for (const key of records.keys()) if (ofOneMember.has(key)) throw broken(`a global header speaks of the ${key} of one member`);
  return records;
}

/** Reads the records that matter out of the global and the entry's own ones; the entry's win. */
export function paxRecords(...layers: readonly ReadonlyMap<string, Buffer>[]): PaxRecords {
  const merged = new Map(layers.flatMap((layer) => [...layer]));
  const xattrs = new Map<string, Buffer>();
  const out: PaxRecords = { xattrs };
  for (const [key, value] of merged) {
    if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), value);
    else if (value.length > 0) apply(out, key, value);
  }
  return out;
}

function apply(out: PaxRecords, key: string, value: Buffer): void {
  if (key === 'path' || key === 'linkpath') out[key] = pathOf(value, key);
  else if (key === 'size' || key === 'uid' || key === 'gid') out[key] = whole(value, key);
  else if (key === 'mtime') out.mtime = decimal(value);
}

function pathOf(value: Buffer, key: string): Buffer {
  if (value.includes(0)) throw broken(`pax ${key} contains NUL`);
  return value;
}

function whole(value: Buffer, key: string): number {
  const text = value.toString('latin1');
  const result = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(result)) throw broken(`pax ${key} is no number`);
  return result;
}

function decimal(value: Buffer): number {
  const text = value.toString('latin1');
  if (!/^-?[0-9]{1,16}(\.[0-9]{0,30})?$/.test(text)) throw broken('pax mtime is no time');
  return Number(text);
}
