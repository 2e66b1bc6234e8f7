import { z } from 'zod';
import { pathNameSchema } from './path-name.js';

/** `unknown`: the method that listed the path cannot say (nerdctl). */
export const entryTypes = ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block', 'unknown'] as const;

/** Where in the container a path lives: its root file system, a volume by the pod's name for it, or only a process that runs it. */
export const placeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rootfs') }),
  z.object({ kind: z.literal('volume'), volume: z.string(), mountPath: z.string() }),
  z.object({ kind: z.literal('process'), pid: z.int().positive() }),
]);
export type Place = z.output<typeof placeSchema>;

/** Which life of a container: the one that the pod's status names now, or the one before its last restart. */
export const instanceSchema = z.enum(['current', 'previous']);

/**
 * One changed path of one container. `present` is a file of a volume: there is no image to compare it with.
 * Paths are relative to their place, without leading `./` or `/`.
 */
export const changeSchema = z.object({
  container: z.string(),
  containerId: z.string(),
  /** Absent: the current one. */
  instance: instanceSchema.optional(),
  place: placeSchema,
  path: pathNameSchema,
  kind: z.enum(['added', 'changed', 'deleted', 'present']),
  type: z.enum(entryTypes),
  /** Four octal digits with setuid, setgid and sticky, e.g. `4755`; absent for deleted paths. */
  mode: z
    .string()
    .regex(/^[0-7]{4}$/)
    .optional(),
  /** The same of the image's file, where there was one. */
  modeBefore: z
    .string()
    .regex(/^[0-7]{4}$/)
    .optional(),
  /** The type of what the image has there, where it is another one. */
  typeBefore: z.enum(entryTypes).optional(),
  /** Owners as the container sees them. */
  uid: z.number().int().nonnegative().optional(),
  gid: z.number().int().nonnegative().optional(),
  /** Owners on the node, where a user namespace makes them others. */
  nodeUid: z.number().int().nonnegative().optional(),
  nodeGid: z.number().int().nonnegative().optional(),
  size: z.number().int().nonnegative().optional(),
  /** Size and time of the image's file, where there was one. */
  sizeBefore: z.number().int().nonnegative().optional(),
  mtimeBefore: z.iso.datetime().optional(),
  mtime: z.iso.datetime().optional(),
  ctime: z.iso.datetime().optional(),
  inode: z.string().optional(),
  device: z.string().optional(),
  links: z.number().int().optional(),
  /** Bytes that the file takes on disk; far fewer than `size` for a sparse one. */
  allocated: z.number().int().nonnegative().optional(),
  /** File capabilities (capabilities(7)), such as `cap_net_raw=ep`. */
  capabilities: z.string().max(2_000).optional(),
  /** The same of the image's file, where they are others; empty for none. */
  capabilitiesBefore: z.string().max(2_000).optional(),
  /** Only mode, owners or times differ from the image: overlayfs `metacopy` left the content where it was. */
  metadataOnly: z.boolean().optional(),
  /** Where the image has what a renamed directory brought along (overlayfs `redirect_dir`). */
  renamedFrom: pathNameSchema.optional(),
  target: pathNameSchema.optional(),
  /** True where policy takes no content from that place: the row is all there is. */
  listedOnly: z.boolean().optional(),
  /** `runtime`: a placeholder that kubelet or the runtime left; `mount`: at or above a mount point. Labelled, never hidden. */
  origin: z.enum(['container', 'runtime', 'mount']),
  /** Only for listings made by a method with known blind spots. */
  method: z.enum(['overlay', 'nerdctl', 'volume']),
});
export type Change = z.output<typeof changeSchema>;
