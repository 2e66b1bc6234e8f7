import { z } from 'zod';
import { contentTypes } from '../domain/artifact.js';
import { entryTypes } from '../domain/change.js';
import { stringKinds } from '../domain/content.js';
import { lookupStatuses } from '../domain/lookup.js';
import { packageStates } from '../domain/package.js';
import { executableStates } from '../domain/process.js';
import { phases } from './container-times.js';
import { globProblem } from './glob.js';
import { masks } from './masks.js';
import type { Subject } from './subject.js';

const glob = z.string().superRefine((pattern, ctx) => {
  const problem = globProblem(pattern);
  if (problem !== undefined) ctx.addIssue({ code: 'custom', message: `"${pattern}" ${problem}` });
});
const globs = z.array(glob).min(1);
const nameGlobs = z.array(glob.regex(/^[^/]*$/, 'must be patterns of one name, without slashes')).min(1);
const texts = z.array(z.string().min(3).max(100)).min(1);

function someOf<const T extends readonly string[]>(values: T) {
  return z.array(z.enum(values)).min(1).optional();
}

/** One way for a rule to fire: all that is said must hold. What it asks of facts that a run does not have does not hold. */
export const clauseSchema = z
  .strictObject({
    kinds: someOf(['added', 'changed', 'deleted', 'present']),
    /** A path whose type the listing could not say fits every type. */
    types: someOf(entryTypes),
    places: someOf(['rootfs', 'volume']),
    /** Patterns over the path as the container sees it, without leading slash. */
    paths: globs.optional(),
    /** Patterns over the last name of the path. */
    names: nameGlobs.optional(),
    /** Patterns over the whole path that must not fit. */
    except: globs.optional(),
    /** What the name pretends, or a process of its own name. */
    masks: someOf(masks),
    /** When the path was written last, or the process began; `unknown` fits where that cannot be told. */
    since: someOf([...phases, 'unknown']),
    /** Whether anybody may run the file, by its mode. */
    runnable: z.boolean().optional(),
    /** Mode bits, or file capabilities of any kind, that the file has and, where the image has it too, had not. */
    gained: someOf(['setuid', 'setgid', 'capabilities']),
    /** The file is shorter than the image's. */
    shorter: z.literal(true).optional(),
    /** No copy that rotation made of the log stands beside it. */
    rotated: z.literal(false).optional(),
    /**
     * `kept`: another content than the image's under the same time. `older`: written after the container's start, with a time of at least a
     * day before it. Nobody but the kernel sets the time that says when (ctime); what unpacks archives sets the other back, too.
     */
    times: someOf(['kept', 'older']),
    /** Patterns over a symbolic link's target as written. */
    targets: globs.optional(),
    /** Where the file is that a process runs. This and the four that follow fit processes alone; `paths` and `names` are of their executables. */
    executable: someOf(executableStates),
    /** Types of the file system that the executable lies on, in the words of stat(1). */
    filesystems: z
      .array(z.string().regex(/^[a-z0-9/]+$/))
      .min(1)
      .optional(),
    /** Texts, blind to case, one of which stands in one of the arguments. */
    arguments: texts.optional(),
    /** Patterns over the last name of what the process calls itself in its first argument. */
    commands: nameGlobs.optional(),
    /** It holds an open connection to another machine. */
    connected: z.literal(true).optional(),
    /** What the first bytes say the file is; needs the file's bytes. */
    content: someOf(contentTypes),
    /** What an ELF file says of itself; this and the two that follow need content facts. */
    elf: someOf(['static', 'stripped', 'packed']),
    /** Bits a byte, of 8: compressed and encrypted bytes have more than 7.5. */
    entropyAtLeast: z.number().min(0).max(8).optional(),
    /** Kinds of strings, one of which the content has. */
    strings: someOf(stringKinds),
    /** What packages say of the bytes. */
    package: someOf(packageStates),
    unlessPackage: someOf(packageStates),
    lookup: someOf(lookupStatuses),
    /** `known-good` counts, too, where the image's own package database says that the bytes are right. */
    unlessLookup: someOf(lookupStatuses),
    /** Texts, blind to case, one of which stands in what a source calls the file. */
    labels: texts.optional(),
  })
  .refine((clause) => Object.keys(clause).length > 0, 'must say at least one thing');
export type Clause = z.output<typeof clauseSchema>;

/** Says whether a subject fits. */
export type Test = (subject: Subject) => boolean;
