import { z } from 'zod';
import { reportFilesSchema } from './domain/amendment.js';
import { sha256Schema } from './domain/artifact.js';
import { instanceSchema } from './domain/change.js';
import { packageManagers } from './domain/package.js';
import { uploadModes } from './domain/request.js';
import { verdictSchema } from './domain/verdict.js';

/** A container of the pod as the API server reports it. */
export const podContainerSchema = z.object({
  name: z.string(),
  kind: z.enum(['container', 'init', 'sidecar', 'ephemeral']),
  /** A restarted container is listed twice: as it is now, and as it was before its last restart. */
  instance: instanceSchema,
  /** Without its scheme: 64 hex digits. Empty when it has not been made yet. */
  id: z.string(),
  runtime: z.enum(['containerd', 'cri-o', 'unknown']),
  state: z.enum(['running', 'terminated', 'waiting']),
  image: z.string(),
  imageId: z.string(),
  restarts: z.int().nonnegative(),
});
export type PodContainer = z.output<typeof podContainerSchema>;

/** A mount of a container, from the runtime's record and the container's mounts joined with the node's own mount table. */
export const containerVolumeSchema = z.object({
  /** The pod's name for it, or its mount point where it has none. */
  volume: z.string(),
  kind: z.enum(['empty-dir', 'host-path', 'secret', 'config-map', 'projected', 'persistent', 'shm', 'tmpfs', 'runtime', 'other']),
  /** The mount point in the container. */
  mountPath: z.string(),
  /** The directory or file on the node; absent for what is mounted in the container alone. */
  source: z.string().optional(),
  /** `major:minor` of the file system, where the container's own mount table shows the mount. */
  device: z.string().optional(),
  /** The type of the file system, such as `tmpfs`. */
  filesystem: z.string().optional(),
  /** The mount's own number, for what is mounted in the container alone. */
  mountId: z.int().nonnegative().optional(),
  /** True when the directory holds more than the pod's: the node's root, or places of kubelet and the runtime. Its entries are not listed. */
  wide: z.boolean().optional(),
  readOnly: z.boolean(),
  /** Who else can write there: only this container, all of the pod, other pods, or the node itself. */
  shared: z.enum(['container', 'pod', 'pods', 'node']),
});
export type ContainerVolume = z.output<typeof containerVolumeSchema>;

/** A container's overlay, as the node's own mount table and the runtime's records say. Paths are the node's. */
export const overlaySchema = z.object({
  /** The merged root file system in the node's own mount namespace; absent where it is no longer mounted. */
  merged: z.string().optional(),
  upper: z.string(),
  /** Topmost first. */
  lowers: z.array(z.string()),
  /** Whether files of `upper` may hold no data (overlayfs `metacopy`): their content is then read through `merged`. */
  metacopy: z.boolean(),
  /** Whether directories of `upper` may be renamed ones of the image (overlayfs `redirect_dir`), whose content is only in `merged`. */
  redirects: z.boolean(),
  userxattr: z.boolean(),
});
export type Overlay = z.output<typeof overlaySchema>;

/** A stretch of ids of a user namespace, as in /proc/PID/uid_map (user_namespaces(7)). */
export const idRangeSchema = z.object({ container: z.int().nonnegative(), node: z.int().nonnegative(), size: z.int().positive() });
export type IdRange = z.output<typeof idRangeSchema>;

/** A container as the node itself knows it: the runtime's record, confirmed against the node's mount table. */
export const nodeContainerSchema = z.object({
  name: z.string(),
  id: z.string(),
  kind: podContainerSchema.shape.kind,
  instance: instanceSchema,
  /** `ended`: its processes are gone, its files are still on the node. */
  state: z.enum(['running', 'ended']),
  runtime: z.enum(['containerd', 'cri-o']),
  /** The container's init process on the node; absent where only nerdctl was asked. */
  pid: z.int().positive().optional(),
  /**
   * Its root file system on the node, whatever the snapshotter: its mount, or where a snapshotter keeps whole directories, that directory.
   * Absent where it is no longer mounted.
   */
  rootfs: z.string().optional(),
  /** Absent unless the pod has a user namespace of its own (`hostUsers: false`). */
  idMaps: z.object({ uids: z.array(idRangeSchema).max(20), gids: z.array(idRangeSchema).max(20) }).optional(),
  /** Absent where only nerdctl was asked, or the snapshotter has no upper directory. */
  overlay: overlaySchema.optional(),
  volumes: z.array(containerVolumeSchema),
  /** All mount points in the container, whatever is mounted there. */
  mountPaths: z.array(z.string()),
  /** Kubelet's folder of pods' logs (`podLogsDir`), where the runtime's records of the container or its pod name it. */
  podLogs: z.string().optional(),
});
export type NodeContainer = z.output<typeof nodeContainerSchema>;

/** Of one pod, instances before a restart included. */
export const maxContainers = 100;

const listing = z.object({ sha256: sha256Schema, count: z.int().nonnegative() });

/**
 * The board: every fact once. Its schema is its type, and what comes back from Redis is parsed by the same line.
 * A fact is at most 256 KiB of JSON; listings are artifacts (NDJSON), and the fact holds their sha256.
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
  podContainers: z.array(podContainerSchema).max(maxContainers),
  containers: z.array(nodeContainerSchema).max(maxContainers),
  changes: listing.extend({
    added: z.int().nonnegative(),
    changed: z.int().nonnegative(),
    deleted: z.int().nonnegative(),
    present: z.int().nonnegative(),
    method: z.enum(['overlay', 'nerdctl']),
  }),
  processes: listing.extend({
    /** Processes whose executable is no longer on any file system: deleted, or never there (memfd). */
    fileless: z.int().nonnegative(),
    /** Distinct executables. */
    executables: z.int().nonnegative(),
  }),
  artifacts: listing.extend({
    bytes: z.int().nonnegative(),
    stored: z.int().nonnegative(),
    known: z.int().nonnegative(),
    /** Hashed on the node and left there by policy. */
    left: z.int().nonnegative(),
    method: z.enum(['node', 'in-container']),
  }),
  hashes: z.object({ verified: z.int().nonnegative(), broken: z.array(sha256Schema).max(100) }),
  /** What the bytes of the acquired files say of themselves: rows of `contentFactsSchema`. */
  content: listing,
  /** What package databases say of changed paths: rows of `packageFileSchema`. */
  packages: listing.extend({ managers: z.array(z.enum(packageManagers)) }),
  lookups: listing.extend({ counts: z.record(z.string(), z.int().nonnegative()) }),
  /** What became of files that no source knew, and that run and installation allow to give away. */
  uploads: z.object({ mode: z.enum(uploadModes), wanted: z.int().nonnegative(), answered: z.int().nonnegative() }),
  verdict: verdictSchema,
  report: reportFilesSchema.extend({ version: z.int().positive() }),
} as const;

export type FactName = keyof typeof factSchemas;
export type Facts = { [K in FactName]: z.output<(typeof factSchemas)[K]> };
export type Board = Partial<Facts>;

/** The size limit of one fact, in bytes of JSON. */
export const maxFactBytes = 256 * 1024;
