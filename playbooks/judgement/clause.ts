import { z } from 'zod';
import { contentTypes } from '../domain/artifact.js';
import { type Change, entryTypes } from '../domain/change.js';
import { lookupStatuses } from '../domain/lookup.js';
import { pathBytes } from '../domain/path-name.js';
import { executableStates } from '../domain/process.js';
import { compileGlobs, globProblem } from './glob.js';
import { rawPathOf, type Subject, sourceOf } from './subject.js';

const glob = z.string().superRefine((pattern, ctx) => {
  const problem = globProblem(pattern);
  if (problem !== undefined) ctx.addIssue({ code: 'custom', message: `"${pattern}" ${problem}` });
});
const globs = z.array(glob).min(1);
const nameGlobs = z.array(glob.regex(/^[^/]*$/, 'must be patterns of one name, without slashes')).min(1);

/** One way for a rule to fire: all that is said must hold. */
export const clauseSchema = z
  .strictObject({
    kinds: z
      .array(z.enum(['added', 'changed', 'deleted', 'present']))
      .min(1)
      .optional(),
    /** A path whose type the listing could not say fits every type. */
    types: z.array(z.enum(entryTypes)).min(1).optional(),
    places: z
      .array(z.enum(['rootfs', 'volume']))
      .min(1)
      .optional(),
    /** Patterns over the path as the container sees it, without leading slash. */
    paths: globs.optional(),
    /** Patterns over the last name of the path. */
    names: nameGlobs.optional(),
    /** Patterns over the whole path that must not fit. */
    except: globs.optional(),
    /** What the first bytes say the file is; needs the file's bytes. */
    content: z.array(z.enum(contentTypes)).min(1).optional(),
    /** Mode bits, or file capabilities of any kind, that the file has and, where the image has it too, had not. */
    gained: z
      .array(z.enum(['setuid', 'setgid', 'capabilities']))
      .min(1)
      .optional(),
    /** Patterns over a symbolic link's target as written. */
    targets: globs.optional(),
    /** Where the file is that a process runs. This and the two that follow fit processes alone; `paths` and `names` are of their executables. */
    executable: z.array(z.enum(executableStates)).min(1).optional(),
    /** Types of the file system that the executable lies on, in the words of stat(1). */
    filesystems: z
      .array(z.string().regex(/^[a-z0-9/]+$/))
      .min(1)
      .optional(),
    /** Texts, blind to case, one of which stands in one of the arguments. */
    arguments: z.array(z.string().min(3).max(100)).min(1).optional(),
    lookup: z.array(z.enum(lookupStatuses)).min(1).optional(),
    unlessLookup: z.array(z.enum(lookupStatuses)).min(1).optional(),
  })
  .refine((clause) => Object.keys(clause).length > 0, 'must say at least one thing');
export type Clause = z.output<typeof clauseSchema>;

/** Says whether a subject fits. */
export type Test = (subject: Subject) => boolean;

const bits = { setuid: 0o4000, setgid: 0o2000 } as const;

/** Compiles a clause to one test. Placeholders of the runtime and of mounts, which hold no bytes, fit nothing. */
export function compileClause(clause: Clause): Test {
  const tests = [...changeTests(clause), ...processTests(clause), ...byteTests(clause), ...placeTests(clause)];
  return (subject) => (subject.change === undefined || !isPlaceholder(subject.change)) && tests.every((test) => test(subject));
}

function isPlaceholder({ origin, type, size = 0 }: Change): boolean {
  return origin !== 'container' && !(type === 'file' && size > 0);
}

function changeTests({ kinds, types, gained, targets }: Clause): Test[] {
  const tests: Test[] = [];
  if (kinds !== undefined) tests.push(({ change }) => change !== undefined && kinds.includes(change.kind));
  if (types !== undefined) tests.push(({ change }) => change !== undefined && (change.type === 'unknown' || types.includes(change.type)));
  if (gained !== undefined) tests.push(({ change }) => change !== undefined && gained.some((right) => hasGained(change, right)));
  if (targets !== undefined) {
    const expression = compileGlobs(targets);
    tests.push(({ change }) => change?.target !== undefined && expression.test(pathBytes(change.target).toString('latin1')));
  }
  return tests;
}

function processTests({ executable, filesystems, arguments: texts }: Clause): Test[] {
  const tests: Test[] = [];
  if (executable !== undefined) tests.push(({ process }) => process !== undefined && executable.includes(process.executable.state));
  if (filesystems !== undefined) tests.push(({ process }) => filesystems.includes(process?.executable.filesystem ?? ''));
  if (texts !== undefined) {
    const wanted = texts.map((text) => text.toLowerCase());
    tests.push(({ process }) => (process?.arguments ?? []).some((argument) => holdsOne(pathBytes(argument), wanted)));
  }
  return tests;
}

function holdsOne(argument: Buffer, wanted: readonly string[]): boolean {
  const text = argument.toString('latin1').toLowerCase();
  return wanted.some((each) => text.includes(each));
}

function hasGained({ mode = '0000', modeBefore = '0000', ...change }: Change, right: keyof typeof bits | 'capabilities'): boolean {
  if (right === 'capabilities') return gainedCapabilities(change);
  return (Number.parseInt(mode, 8) & bits[right]) !== 0 && (Number.parseInt(modeBefore, 8) & bits[right]) === 0;
}

/** The image's are told only where they are others. */
function gainedCapabilities({ kind, capabilities, capabilitiesBefore, renamedFrom }: Omit<Change, 'mode' | 'modeBefore'>): boolean {
  if (capabilities === undefined) return false;
  return capabilitiesBefore !== undefined || (kind !== 'changed' && renamedFrom === undefined);
}

function placeTests({ places, paths, names, except }: Clause): Test[] {
  const tests: Test[] = [];
  if (places !== undefined) tests.push((subject) => places.some((kind) => sourceOf(subject)?.place.kind === kind));
  if (paths !== undefined) tests.push(pathTest(compileGlobs(paths)));
  if (names !== undefined) tests.push(pathTest(compileGlobs(names), lastName));
  if (except !== undefined) {
    const unwanted = pathTest(compileGlobs(except));
    tests.push((subject) => !unwanted(subject));
  }
  return tests;
}

function pathTest(expression: RegExp, part: (path: string) => string = (path) => path): Test {
  return (subject) => {
    const path = rawPathOf(subject);
    return path !== undefined && expression.test(part(path));
  };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function byteTests({ content, lookup, unlessLookup }: Clause): Test[] {
  const tests: Test[] = [];
  if (content !== undefined) tests.push(({ artifact }) => artifact !== undefined && content.includes(artifact.content));
  if (lookup !== undefined) tests.push((subject) => subject.lookup !== undefined && lookup.includes(subject.lookup.status));
  if (unlessLookup !== undefined) tests.push((subject) => subject.lookup === undefined || !unlessLookup.includes(subject.lookup.status));
  return tests;
}
