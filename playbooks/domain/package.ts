import { z } from 'zod';
import type { Artifact } from './artifact.js';
import { instanceSchema } from './change.js';
import { pathNameSchema } from './path-name.js';

export const packageManagers = ['dpkg', 'apk', 'rpm'] as const;

const digest = z.object({
  package: z.string().max(200),
  version: z.string().max(200).optional(),
  algorithm: z.enum(['md5', 'sha1', 'sha256']),
  /** Lower case hex. */
  digest: z.string().regex(/^[0-9a-f]{32,64}$/),
  /** Configuration of the package: that it is edited is no wonder. */
  conffile: z.literal(true).optional(),
});
export type PackageDigest = z.output<typeof digest>;

/** What package databases say of one changed path. */
export const packageFileSchema = z.object({
  container: z.string(),
  containerId: z.string(),
  instance: instanceSchema.optional(),
  /** As in the listing of changes. */
  path: pathNameSchema,
  manager: z.enum(packageManagers),
  /** From the image's layers, which the container cannot write. */
  image: digest.optional(),
  /** From the database as it is in the container now, where that is another: an upgrade writes it, and so can anybody. */
  own: digest.optional(),
});
export type PackageFile = z.output<typeof packageFileSchema>;

/**
 * `as-packaged`: what the image's own database says it should be. `as-upgraded`: what the container's database says, and not the image's:
 * a package upgrade, or somebody who wrote there. `differs`: neither. `edited`: neither, and it is configuration, which people change: the image's
 * database says so, or where that does not know the path, the container's. `unknown`: the content has no digest to compare.
 */
export const packageStates = ['as-packaged', 'as-upgraded', 'differs', 'edited', 'unknown'] as const;
export type PackageState = (typeof packageStates)[number];

/** Compares acquired content with what packages say of its path. */
export function packageState({ image, own }: PackageFile, content: Pick<Artifact, 'sha256' | 'sha1' | 'md5'>): PackageState {
  const upgraded = isRelease(own, image) ? own : undefined;
  const compared = [image, upgraded].map((said) => (said === undefined ? undefined : agrees(said, content)));
  if (compared.every((each) => each === undefined)) return 'unknown';
  if (compared[0] === true) return 'as-packaged';
  if (compared[1] === true) return 'as-upgraded';
  return (image ?? upgraded)?.conffile === true ? 'edited' : 'differs';
}

/**
 * Whether the container's database tells of another release than the image's. An upgrade changes the version, and is written down as a whole:
 * another digest under the same version, or sums of a package that is not installed, is a database that somebody has edited.
 */
function isRelease(own: PackageDigest | undefined, image: PackageDigest | undefined): boolean {
  if (own?.version === undefined) return image !== undefined && image.version === undefined;
  return image?.package !== own.package || image.version !== own.version;
}

function agrees({ algorithm, digest }: PackageDigest, content: Pick<Artifact, 'sha256' | 'sha1' | 'md5'>): boolean | undefined {
  const ours = content[algorithm];
  return ours === undefined ? undefined : ours === digest;
}
