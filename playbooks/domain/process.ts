import { z } from 'zod';
import { sha256Schema } from './artifact.js';
import { pathNameSchema } from './path-name.js';

/** Where the file that a process runs is: on a file system, deleted since, or in memory alone (memfd_create(2)). */
export const executableStates = ['present', 'deleted', 'memfd', 'unreadable'] as const;

/** One end of a socket, as /proc/PID/net shows it (proc_net(5)). */
export const socketSchema = z.object({
  protocol: z.enum(['tcp', 'tcp6', 'udp', 'udp6']),
  state: z.string().max(20),
  local: z.string().max(100),
  remote: z.string().max(100),
});
export type Socket = z.output<typeof socketSchema>;

/** One process of the pod, as the node's /proc shows it. All text in it is the suspect's. */
export const processSchema = z.object({
  container: z.string(),
  containerId: z.string(),
  /** On the node. */
  pid: z.int().positive(),
  /** In the innermost pid namespace. */
  containerPid: z.int().positive().optional(),
  parent: z.int().nonnegative(),
  startedAt: z.iso.datetime(),
  /** The name that the kernel keeps of it; a process can set its own. */
  name: pathNameSchema,
  /** The effective one, as the container sees it. */
  uid: z.int().nonnegative(),
  /** The same on the node, where a user namespace makes it another. */
  nodeUid: z.int().nonnegative().optional(),
  /** It has ended, and its parent has not asked for its exit status yet. */
  zombie: z.boolean().optional(),
  executable: z.object({
    state: z.enum(executableStates),
    /** As the link /proc/PID/exe reads, without the ` (deleted)` that the kernel adds for one of these states; empty where it cannot be read. */
    path: pathNameSchema,
    sha256: sha256Schema.optional(),
    size: z.int().nonnegative().optional(),
    device: z.string().optional(),
    inode: z.string().optional(),
    /** The type of its file system in the words of stat(1), such as `tmpfs`. */
    filesystem: z.string().max(60).optional(),
  }),
  /** Arguments as they stand, each apart, up to 4 KiB in all; `argumentsCut` when there were more, or they could not be read to their end. */
  arguments: z.array(pathNameSchema),
  argumentsCut: z.boolean().optional(),
  workingDirectory: pathNameSchema.optional(),
  /** Names only: values hold secrets, and never leave the node. `environmentCut` when these are not all. */
  environment: z.array(pathNameSchema),
  environmentCut: z.boolean().optional(),
  sockets: z.array(socketSchema),
});
export type Process = z.output<typeof processSchema>;

/** Whether what a process runs is on no file system any more, or never was. */
export function isFileless({ executable: { state } }: Pick<Process, 'executable'>): boolean {
  return state === 'deleted' || state === 'memfd';
}
