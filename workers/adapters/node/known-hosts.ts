import { createHmac } from 'node:crypto';

/** A host key as known_hosts holds it. */
interface HostKey {
  /** e.g. `ssh-ed25519`. */
  readonly type: string;
  /** The key in SSH wire form, which begins with its type. */
  readonly blob: Buffer;
}

/** What a known_hosts file says of one host. */
export interface KnownHost {
  readonly keys: readonly HostKey[];
  readonly revoked: readonly HostKey[];
  /** True when a certificate authority is named for the host, which this client cannot use. */
  readonly authority: boolean;
}

/**
 * Finds a host's keys in the text of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): plain, `[name]:port`, wildcard, negated
 * and hashed names, markers `@revoked` and `@cert-authority`. As OpenSSH does, lines that make no sense are passed over, and a name
 * without a port counts for every port.
 */
export function knownHost(text: string, name: string, port: number): KnownHost {
  const names = port === 22 ? [name] : [`[${name}]:${port}`, name];
  const lines = text.split('\n').flatMap((line) => {
    const parsed = parseLine(line);
    return parsed !== undefined && names.some((one) => matches(parsed.hosts, one)) ? [parsed] : [];
  });
  return {
    keys: lines.filter((line) => line.marker === undefined).map((line) => line.key),
    revoked: lines.filter((line) => line.marker === '@revoked').map((line) => line.key),
    authority: lines.some((line) => line.marker === '@cert-authority'),
  };
}

interface Line {
  readonly marker: string | undefined;
  readonly hosts: string;
  readonly key: HostKey;
}

function parseLine(line: string): Line | undefined {
  const fields = line.trim().split(/[ \t]+/);
  if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return undefined;
  const marker = fields[0].startsWith('@') ? fields.shift() : undefined;
  const [hosts, type, base64] = fields;
  if (type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const blob = Buffer.from(base64, 'base64');
  return keyType(blob) === type ? { marker, hosts, key: { type, blob } } : undefined;
}

/** The type that a key in wire form names itself; empty when it names none. */
export function keyType(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.toString('latin1', 4, 4 + Math.min(blob.readUInt32BE(0), 64));
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name);
  const patterns = hosts.split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && glob(pattern.slice(1)).test(name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && glob(pattern).test(name));
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name with the salt as key. */
function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i');
}
