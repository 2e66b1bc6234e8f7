import { hash } from 'node:crypto';
import { z } from 'zod';
import { type Change, instanceSchema, placeSchema } from './change.js';
import { pathNameSchema } from './path-name.js';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

export const artifactKinds = ['file', 'process-executable', 'listing', 'pod', 'events', 'log', 'lookup-answer', 'report'] as const;

/** What the first bytes say a file is; the extension says nothing. */
export const contentTypes = ['elf', 'script', 'php', 'archive', 'text', 'binary', 'empty', 'unknown'] as const;
export type ContentType = (typeof contentTypes)[number];

/** Where acquired bytes came from. */
export const artifactSourceSchema = z.object({
  container: z.string(),
  containerId: z.string(),
  /** Absent: the current one. */
  instance: instanceSchema.optional(),
  place: placeSchema,
  path: pathNameSchema,
});
export type ArtifactSource = z.output<typeof artifactSourceSchema>;

/** Where the bytes of a changed path come from. */
export function sourceOfChange({ container, containerId, instance, place, path }: Change): ArtifactSource {
  return { container, containerId, ...(instance === undefined ? {} : { instance }), place, path };
}

/** Acquired bytes: what, from where, how, when, with which hashes. The bytes are in the evidence store under `sha256`. */
export const artifactSchema = z.object({
  /** Unique in its run; see {@link artifactId}. */
  id: z.string(),
  kind: z.enum(artifactKinds),
  sha256: sha256Schema,
  sha1: z.string().optional(),
  md5: z.string().optional(),
  size: z.int().nonnegative(),
  content: z.enum(contentTypes),
  source: artifactSourceSchema.optional(),
  /** For artifacts without a path: what it is, e.g. `changes` or `pod`. */
  name: z.string().optional(),
  method: z.enum(['node', 'in-container', 'cluster-api', 'intel-api', 'derived']),
  /** True when the store had these bytes already and only the node's hash was taken. */
  known: z.boolean(),
  /** True when policy left the content on the node: its hash was taken there, and the store does not have the bytes. */
  left: z.boolean().optional(),
  /** The file as the node knew it when it was read: it travelled apart from the data. */
  identity: z.object({ device: z.string(), inode: z.string(), ctime: z.string() }).optional(),
  /** True when the file changed while it was read, twice. */
  unstable: z.boolean().optional(),
  acquiredAt: z.iso.datetime(),
});
export type Artifact = z.output<typeof artifactSchema>;

/** Deterministic id of an artifact in its run, so that a repeated attempt records it once. */
export function artifactId(kind: Artifact['kind'], source: ArtifactSource | string): string {
  const parts = typeof source === 'string' ? [source] : [source.containerId, JSON.stringify(source.place), source.path.b64];
  return hash('sha256', [kind, ...parts].join('\0')).slice(0, 32);
}

/** Says from at most the first 512 bytes what a file is. */
export function contentTypeOf(head: Uint8Array, size: number): ContentType {
  if (size === 0) return 'empty';
  const start = Buffer.from(head).toString('latin1');
  if (start.startsWith('\x7fELF')) return 'elf';
  if (start.startsWith('#!')) return 'script';
  if (/<\?(php|=)/i.test(start)) return 'php';
  if (/^(\x1f\x8b|PK\x03\x04|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)/.test(start)) return 'archive';
  return /[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(start) ? 'binary' : 'text';
}
