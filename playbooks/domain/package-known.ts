import type { Artifact, ArtifactSource } from './artifact.js';
import { type PackageFile, packageState } from './package.js';
import { shortText } from './short-text.js';

/** A hash that the image's own packages account for. */
export interface PackageKnown {
  readonly sha256: string;
  readonly manager: PackageFile['manager'];
  /** Package, version and algorithm, weak ones said so; safe to print. */
  readonly reason: string;
}

/**
 * The hashes whose every path in the run is what the image's own package database says it should be.
 * The same bytes anywhere else, or as they run from elsewhere, are no longer the package's file.
 */
export function knownByPackages(artifacts: Iterable<Artifact>, files: Iterable<PackageFile>): PackageKnown[] {
  const rows = new Map([...files].map((file) => [keyOf(file), file]));
  return [...bySha256(artifacts).values()].flatMap((same) => knownAs(same, rows) ?? []);
}

function bySha256(artifacts: Iterable<Artifact>): Map<string, Artifact[]> {
  const groups = new Map<string, Artifact[]>();
  for (const artifact of artifacts) {
    if (artifact.kind !== 'file' && artifact.kind !== 'process-executable') continue;
    const group = groups.get(artifact.sha256);
    if (group === undefined) groups.set(artifact.sha256, [artifact]);
    else group.push(artifact);
  }
  return groups;
}

function knownAs(same: readonly Artifact[], rows: ReadonlyMap<string, PackageFile>): PackageKnown | undefined {
  const content = contentOf(same);
  let found: PackageFile | undefined;
  for (const { source } of same) {
    const row = source === undefined || source.place.kind === 'volume' ? undefined : rows.get(keyOf(source));
    if (row === undefined || packageState(row, content) !== 'as-packaged') return undefined;
    found ??= row;
  }
  return found?.image === undefined ? undefined : { sha256: content.sha256, manager: found.manager, reason: reasonOf(found.image) };
}

/** One digest of these bytes may have been taken at one place only. */
function contentOf(same: readonly Artifact[]): Pick<Artifact, 'sha256' | 'sha1' | 'md5'> {
  const sha1 = same.find((each) => each.sha1 !== undefined)?.sha1;
  const md5 = same.find((each) => each.md5 !== undefined)?.md5;
  return { sha256: same[0]?.sha256 ?? '', ...(sha1 === undefined ? {} : { sha1 }), ...(md5 === undefined ? {} : { md5 }) };
}

function reasonOf({ package: name, version, algorithm }: NonNullable<PackageFile['image']>): string {
  const weak = algorithm === 'sha256' ? '' : ', weak';
  return `${shortText(version === undefined ? name : `${name} ${version}`, 200)} (${algorithm}${weak})`;
}

/** A path of a container's root file system; a process names it from the root, a listing does not. */
function keyOf({ containerId, path }: Pick<ArtifactSource, 'containerId' | 'path'>): string {
  return `${containerId}\0${Buffer.from(path.b64, 'base64').toString('latin1').replace(/^\/+/, '')}`;
}
