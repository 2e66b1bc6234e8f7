import type { PackageDigest } from '../../domain/package.js';
import { shortText } from '../../domain/short-text.js';
import type { Claims } from './claims.js';
import { maxNameLength } from './dpkg.js';

/** What apk does not overwrite where somebody has changed it (apk-tools, protected paths): configuration. */
const configuration = 'etc/';

/**
 * Reads `installed` of apk (Alpine wiki, "Apk spec", Installed Database): packages are apart by blank lines; of a package's files `F:` is a
 * directory, `R:` a name in the last one, and `Z:` that file's digest.
 */
export class InstalledReader {
  private name = '';
  private version = '';
  private directory: string | undefined;
  private file: string | undefined;

  constructor(private readonly claims: Claims) {}

  /** @param text latin1 of the raw bytes, without its end */
  take(text: string): void {
    const value = text.slice(2);
    switch (text.slice(0, 2)) {
      case '': {
        this.begin('', '');
        return;
      }
      case 'P:': {
        this.begin(value, '');
        return;
      }
      case 'V:':
        this.version = value;
        return;
      case 'F:':
        [this.directory, this.file] = [value, undefined];
        return;
      case 'R:':
        this.file = value;
        return;
      case 'Z:': {
        this.takeDigest(value);
        return;
      }
      default:
        if (!/^[A-Za-z]:/.test(text)) this.claims.unreadable += 1;
    }
  }

  private begin(name: string, version: string): void {
    [this.name, this.version, this.directory, this.file] = [name, version, undefined, undefined];
  }

  private takeDigest(text: string): void {
    const said = digestOf(text);
    const { name, version, directory, file } = this;
    this.file = undefined;
    if (said === undefined || directory === undefined || file === undefined || name === '') {
      this.claims.unreadable += 1;
      return;
    }
    const path = directory === '' ? file : `${directory}/${file}`;
    this.claims.add({
      path,
      package: shortText(name, maxNameLength),
      ...(version === '' ? {} : { version: shortText(version, maxNameLength) }),
      ...said,
      ...(path.startsWith(configuration) ? { conffile: true as const } : {}),
    });
  }
}

/** `Q1` is sha1 and `Q2` sha256, in base64; sums of 32 hex digits are md5 (apk-tools, `apk_blob_pull_csum`). */
function digestOf(text: string): Pick<PackageDigest, 'algorithm' | 'digest'> | undefined {
  if (/^[0-9a-f]{32}$/.test(text)) return { algorithm: 'md5', digest: text };
  const match = /^Q([12])([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (match === null) return undefined;
  const [, kind, base64 = ''] = match;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== (kind === '1' ? 20 : 32)) return undefined;
  return { algorithm: kind === '1' ? 'sha1' : 'sha256', digest: bytes.toString('hex') };
}
