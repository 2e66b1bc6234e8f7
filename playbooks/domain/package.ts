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
 * a package upgrade, or somebody who wrote there. `differs`: neither. `unknown`: the content has no digest to compare.
 */
export const packageStates = ['as-packaged', 'as-upgraded', 'differs', 'unknown'] as const;
export type PackageState = (typeof packageStates)[number];

/** Compares acquired content with what packages say of its path. */
export function packageState({ image, own }: PackageFile, content: Pick<Artifact, 'sha256' | 'sha1' | 'md5'>): PackageState {
  const compared = [image, own].map((said) => (said === undefined ? undefined : agrees(said, content)));
  if (compared.every((each) => each === undefined)) return 'unknown';
  if (compared[0] === true) return 'as-packaged';
  return compared[1] === true ? 'as-upgraded' : 'differs';
}

function agrees({ algorithm, digest }: PackageDigest, content: Pick<Artifact, 'sha256' | 'sha1' | 'md5'>): boolean | undefined {
  const ours = content[algorithm];
  return ours === undefined ? undefined : ours === digest;
}
