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

/** Whether a file of dpkg's holds sums; the others say which packages there are. */
export function isMd5sums(file: string): boolean {
  return file.endsWith(suffix);
}

/** Reads which version of each package is there from lines of `var/lib/dpkg/status` (deb-control(5)), as far as they are needed. */
export class StatusReader {
  private name = '';
  private architecture = '';

  constructor(private readonly claims: Claims) {}

  /** @param text latin1 of the raw bytes, without its end */
  take(text: string): void {
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
}
