import type { Artifact } from '../domain/artifact.js';
import { type PackageDigest, type PackageFile, packageState } from '../domain/package.js';
import { cutText, safeText } from '../domain/short-text.js';

const maxText = 320;

/** What a package database says of a path beside the content that was found there, in one line that is safe to print. */
export function packageText(file: PackageFile, content: Pick<Artifact, 'sha256' | 'sha1' | 'md5'> | undefined): string {
  const said = file.image ?? file.own;
  if (said === undefined) return '';
  const path = cutText(`/${file.path.text}`, 160);
  const text = {
    'as-packaged': `as package ${named(said)} of the image has it (${said.algorithm})`,
    'as-upgraded': `as package ${named(file.own ?? said)} of the container's own database has it, which anybody there can write (${(file.own ?? said).algorithm})`,
    differs: `replaces ${path} of package ${named(said)} (${said.algorithm} differs)`,
    edited: `${path} is configuration of package ${named(said)}, and not as packaged (${said.algorithm} differs)`,
    unknown: `${path} belongs to package ${named(said)}; not compared`,
  }[content === undefined ? 'unknown' : packageState(file, content)];
  return safeText(text, maxText);
}

function named({ package: name, version }: PackageDigest): string {
  return safeText(version === undefined ? name : `${name} ${version}`, 100);
}
