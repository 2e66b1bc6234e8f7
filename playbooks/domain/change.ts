import { z } from 'zod';
import { pathNameSchema } from './path-name.js';

/** `unknown`: the method that listed the path cannot say (nerdctl). */
export const entryTypes = ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block', 'unknown'] as const;

/** Where in the container a path lives: its root file system, or a volume by the pod's name for it. */
export const placeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('rootfs') }),
  z.object({ kind: z.literal('volume'), volume: z.string(), mountPath: z.string() }),
]);
export type Place = z.output<typeof placeSchema>;

/**
 * One changed path of one container. `present` is a file of a volume: there is no image to compare it with.
 * Paths are relative to their place, without leading `./` or `/`.
 */
export const changeSchema = z.object({
  container: z.string(),
  containerId: z.string(),
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
  uid: z.number().int().nonnegative().optional(),
  gid: z.number().int().nonnegative().optional(),
  size: z.number().int().nonnegative().optional(),
  mtime: z.iso.datetime().optional(),
  ctime: z.iso.datetime().optional(),
  inode: z.string().optional(),
  device: z.string().optional(),
  links: z.number().int().optional(),
  target: pathNameSchema.optional(),
  /** `runtime`: a placeholder that kubelet or the runtime left; `mount`: at or above a mount point. Labelled, never hidden. */
  origin: z.enum(['container', 'runtime', 'mount']),
  /** Only for listings made by a method with known blind spots. */
  method: z.enum(['overlay', 'nerdctl', 'volume']),
});
export type Change = z.output<typeof changeSchema>;
