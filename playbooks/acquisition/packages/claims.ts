import type { PackageDigest } from '../../domain/package.js';
import type { PackageManager } from './database-files.js';

/** That a package has a file with this content. */
export interface Claim extends Omit<PackageDigest, 'version'> {
  /** Latin1 of the raw bytes, relative to the root. */
  readonly path: string;
  /** Where the record has it beside the file. */
  readonly version?: string;
  /** Of a file that the package once had: what another package says counts. */
  readonly obsolete?: true;
}

/** More packages than any system has. */
const mostVersions = 100_000;

/** What one database says of the paths that were asked about. */
export class Claims {
  private readonly byPath = new Map<string, Claim | 'disputed'>();
  /** Of a package, or of `package:architecture`. */
  private readonly versions = new Map<string, string>();
  /** Lines that say nothing that can be understood. */
  unreadable = 0;

  constructor(readonly manager: PackageManager) {}

  /** Two packages that claim another content for one path are both not believed. */
  add(claim: Claim): void {
    const known = this.byPath.get(claim.path);
    if (known !== undefined && claim.obsolete === true) return;
    const before = known !== 'disputed' && known?.obsolete === true ? undefined : known;
    const agrees = before === undefined || (before !== 'disputed' && before.algorithm === claim.algorithm && before.digest === claim.digest);
    if (!agrees) this.byPath.set(claim.path, 'disputed');
    else if (before === undefined) this.byPath.set(claim.path, claim);
  }

  addVersion(name: string, version: string): void {
    if (!this.versions.has(name) && this.versions.size < mostVersions) this.versions.set(name, version);
  }

  /** Undefined for a path that no package has, or that packages differ about. */
  at(path: string): PackageDigest | undefined {
    const claim = this.byPath.get(path);
    if (claim === undefined || claim === 'disputed') return undefined;
    const { package: owner, algorithm, digest, conffile } = claim;
    const version = claim.version ?? this.versions.get(owner);
    const said = { package: owner.replace(/:[^:]*$/, ''), algorithm, digest };
    return { ...said, ...(version === undefined ? {} : { version }), ...(conffile === undefined ? {} : { conffile }) };
  }

  /** Paths that packages differ about. */
  get disputed(): number {
    return [...this.byPath.values()].filter((claim) => claim === 'disputed').length;
  }
}
