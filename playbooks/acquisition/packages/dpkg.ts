import { shortText } from '../../domain/short-text.js';
import type { Claims } from './claims.js';

const suffix = '.md5sums';

/** Names and versions are longer than this only in a database that lies. */
export const maxNameLength = 200;

const line = /^([0-9a-f]{32}) {2}(?:\.?\/)*([^/].*)$/s;

/**
 * Parses a line of a package's `.md5sums` (deb-md5sums(5)): the md5 of a file and its path.
 * @param file its name, which says whose it is
 * @param text latin1 of the raw bytes, without its end
 */
export function takeMd5sum(file: string, text: string, claims: Claims): void {
  const match = line.exec(text);
  if (match === null) {
    claims.unreadable += 1;
    return;
  }
  const [, digest = '', path = ''] = match;
  claims.add({ path, package: file.slice(0, -suffix.length), algorithm: 'md5', digest });
}

/** What dpkg lists of its `Conffiles` (deb-conffiles(5), dpkg-query(1)): the md5 is that of the packaged version, whatever is on the disk. With a flag the package no longer has the file. */
const conffile = /^ \/(.+) ([0-9a-f]{32})((?: obsolete| remove-on-upgrade){0,2})$/s;

/** Whether a file of dpkg's holds sums; the others say which packages there are. */
export function isMd5sums(file: string): boolean {
  return file.endsWith(suffix);
}

/** Reads versions of packages and sums of their configuration from lines of `var/lib/dpkg/status` (deb-control(5)), as far as they are needed. */
export class StatusReader {
  private name = '';
  private architecture = '';

  constructor(private readonly claims: Claims) {}

  /** @param text latin1 of the raw bytes, without its end */
  take(text: string): void {
    if (text.startsWith(' ')) {
      this.takeConffile(text);
      return;
    }
    const colon = text.indexOf(':');
    const [field, value] = [text.slice(0, colon), text.slice(colon + 1).trim()];
    if (field === 'Package') [this.name, this.architecture] = [value, ''];
    else if (field === 'Architecture') this.architecture = value;
    else if (field === 'Version' && this.name !== '') this.takeVersion(shortText(value, maxNameLength));
  }

  /** dpkg writes the architecture before the version. */
  private takeVersion(version: string): void {
    if (this.architecture !== '') this.claims.addVersion(`${this.name}:${this.architecture}`, version);
    this.claims.addVersion(this.name, version);
  }

  private takeConffile(text: string): void {
    const match = conffile.exec(text);
    if (match === null || this.name === '') {
      this.claims.unreadable += 1;
      return;
    }
    const [, path = '', digest = '', flags = ''] = match;
    const owner = shortText(this.architecture === '' ? this.name : `${this.name}:${this.architecture}`, maxNameLength);
    const isObsolete = flags !== '';
    this.claims.add({ path, package: owner, algorithm: 'md5', digest, conffile: true, ...(isObsolete ? { obsolete: true as const } : {}) });
  }
}
