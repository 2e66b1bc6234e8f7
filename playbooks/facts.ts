import { z } from 'zod';
import { sha256Schema } from './domain/artifact.js';
import { verdictSchema } from './domain/verdict.js';

/** A container of the pod as the API server reports it. */
export const podContainerSchema = z.object({
  name: z.string(),
  kind: z.enum(['container', 'init', 'ephemeral']),
  /** Without its scheme: 64 hex digits. Empty when it has not been made yet. */
  id: z.string(),
  runtime: z.enum(['containerd', 'cri-o', 'unknown']),
  state: z.enum(['running', 'terminated', 'waiting']),
  image: z.string(),
  imageId: z.string(),
  restarts: z.int().nonnegative(),
});
export type PodContainer = z.output<typeof podContainerSchema>;

/** A volume of a container that can be read on the node, from the runtime's own record of its mounts. */
export const containerVolumeSchema = z.object({
  volume: z.string(),
  kind: z.enum(['empty-dir', 'host-path', 'secret', 'config-map', 'projected', 'persistent', 'runtime', 'other']),
  /** The mount point in the container. */
  mountPath: z.string(),
  /** The directory or file on the node. */
  source: z.string(),
  readOnly: z.boolean(),
});
export type ContainerVolume = z.output<typeof containerVolumeSchema>;

/** A container's overlay, as the node's own mount table and the runtime's records say. Paths are the node's. */
export const overlaySchema = z.object({
  /** The merged root file system in the node's own mount namespace. */
  merged: z.string(),
  upper: z.string(),
  /** Topmost first. */
  lowers: z.array(z.string()),
  /** Whether files of `upper` may hold no data (overlayfs `metacopy`): their content is then read through `merged`. */
  metacopy: z.boolean(),
  userxattr: z.boolean(),
});
export type Overlay = z.output<typeof overlaySchema>;

/** A running container as the node itself knows it: the runtime's record, confirmed against the node's mount table. */
export const nodeContainerSchema = z.object({
  name: z.string(),
  id: z.string(),
  runtime: z.enum(['containerd', 'cri-o']),
  /** The container's init process on the node; absent where only nerdctl was asked. */
  pid: z.int().positive().optional(),
  /** Absent where only nerdctl was asked, or the snapshotter has no upper directory. */
  overlay: overlaySchema.optional(),
  volumes: z.array(containerVolumeSchema),
  /** All mount points in the container, whatever is mounted there. */
  mountPaths: z.array(z.string()),
});
export type NodeContainer = z.output<typeof nodeContainerSchema>;

const listing = z.object({ sha256: sha256Schema, count: z.int().nonnegative() });

/**
 * The board: every fact once. Its schema is its type, and what comes back from Redis is parsed by the same line.
 * A fact is at most 64 KiB of JSON; listings are artifacts (NDJSON), and the fact holds their sha256.
 */
export const factSchemas = {
  target: z.object({
    cluster: z.string(),
    namespace: z.string(),
    pod: z.string(),
    uid: z.string(),
    /** Kubelet's own uid of a static pod (annotation `kubernetes.io/config.hash`), where there is one. */
    staticUid: z.string().optional(),
    container: z.string().optional(),
  }),
  node: z.object({ name: z.string(), address: z.string() }),
  podContainers: z.array(podContainerSchema).max(100),
  containers: z.array(nodeContainerSchema).max(100),
  changes: listing.extend({
    added: z.int().nonnegative(),
    changed: z.int().nonnegative(),
    deleted: z.int().nonnegative(),
    present: z.int().nonnegative(),
    method: z.enum(['overlay', 'nerdctl']),
  }),
  artifacts: listing.extend({
    bytes: z.int().nonnegative(),
    stored: z.int().nonnegative(),
    known: z.int().nonnegative(),
    method: z.enum(['node', 'in-container']),
  }),
  hashes: z.object({ verified: z.int().nonnegative(), broken: z.array(sha256Schema).max(100) }),
  lookups: listing.extend({ counts: z.record(z.string(), z.int().nonnegative()) }),
  verdict: verdictSchema,
  report: z.object({ json: sha256Schema, markdown: sha256Schema, version: z.int().positive() }),
} as const;

export type FactName = keyof typeof factSchemas;
export type Facts = { [K in FactName]: z.output<(typeof factSchemas)[K]> };
export type Board = Partial<Facts>;

/** The size limit of one fact, in bytes of JSON. */
export const maxFactBytes = 64 * 1024;
