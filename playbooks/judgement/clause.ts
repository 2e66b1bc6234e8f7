import { z } from 'zod';
import { contentTypes } from '../domain/artifact.js';
import { type Change, entryTypes } from '../domain/change.js';
import { lookupStatuses } from '../domain/lookup.js';
import { pathBytes } from '../domain/path-name.js';
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
    /** Mode bits that the file has and, where the image has it too, had not. */
    gained: z
      .array(z.enum(['setuid', 'setgid']))
      .min(1)
      .optional(),
    /** Patterns over a symbolic link's target as written. */
    targets: globs.optional(),
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
  const tests = [...changeTests(clause), ...byteTests(clause), ...placeTests(clause)];
  return (subject) => (subject.change === undefined || !isPlaceholder(subject.change)) && tests.every((test) => test(subject));
}

function isPlaceholder({ origin, type, size = 0 }: Change): boolean {
  return origin !== 'container' && !(type === 'file' && size > 0);
}

function changeTests({ kinds, types, gained, targets }: Clause): Test[] {
  const tests: Test[] = [];
  if (kinds !== undefined) tests.push(({ change }) => change !== undefined && kinds.includes(change.kind));
  if (types !== undefined) tests.push(({ change }) => change !== undefined && (change.type === 'unknown' || types.includes(change.type)));
  if (gained !== undefined) tests.push(({ change }) => change !== undefined && gained.some((bit) => gainedBit(change, bits[bit])));
  if (targets !== undefined) {
    const expression = compileGlobs(targets);
    tests.push(({ change }) => change?.target !== undefined && expression.test(pathBytes(change.target).toString('latin1')));
  }
  return tests;
}

function gainedBit({ mode = '0000', modeBefore = '0000' }: Change, bit: number): boolean {
  return (Number.parseInt(mode, 8) & bit) !== 0 && (Number.parseInt(modeBefore, 8) & bit) === 0;
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
