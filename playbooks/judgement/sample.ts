import { z } from 'zod';
import { type Artifact, contentTypes } from '../domain/artifact.js';
import { type Change, entryTypes, type Place } from '../domain/change.js';
import { type ContentFacts, stringKinds } from '../domain/content.js';
import { lookupStatuses } from '../domain/lookup.js';
import { packageStates } from '../domain/package.js';
import { pathName } from '../domain/path-name.js';
import { executableStates, type Process } from '../domain/process.js';
import { phases } from './container-times.js';
import type { Subject } from './subject.js';

const mode = z.string().regex(/^[0-7]{4}$/, 'must be four octal digits in quotes, such as "4755"');
const time = z.iso.datetime();

/**
 * A subject in few words, for the examples of a rule. `path` is as the container sees it; with `volume`, relative to that mount point. With
 * `process` it is what a process runs.
 */
export const sampleSchema = z.strictObject({
  path: z.string().min(1),
  kind: z.enum(['added', 'changed', 'deleted', 'present']).default('added'),
  type: z.enum(entryTypes).default('file'),
  volume: z.string().startsWith('/').optional(),
  origin: z.enum(['container', 'runtime', 'mount']).default('container'),
  size: z.int().nonnegative().default(100),
  sizeBefore: z.int().nonnegative().optional(),
  mtime: time.optional(),
  mtimeBefore: time.optional(),
  ctime: time.optional(),
  mode: mode.optional(),
  modeBefore: mode.optional(),
  capabilities: z.string().min(1).optional(),
  capabilitiesBefore: z.string().optional(),
  target: z.string().optional(),
  since: z.enum(phases).optional(),
  rotated: z.boolean().optional(),
  /** Given when the file's bytes were acquired. */
  content: z.enum(contentTypes).optional(),
  /** Content facts, as far as rules ask for them. */
  facts: z
    .strictObject({
      entropy: z.number().default(5),
      static: z.boolean().default(false),
      stripped: z.boolean().default(false),
      packed: z.string().optional(),
      strings: z.array(z.enum(stringKinds)).default([]),
    })
    .optional(),
  package: z.enum(packageStates).optional(),
  lookup: z.enum(lookupStatuses).optional(),
  label: z.string().optional(),
  process: z
    .strictObject({
      state: z.enum(executableStates).default('present'),
      filesystem: z.string().default('overlayfs'),
      name: z.string().default('sample'),
      arguments: z.array(z.string()).default([]),
      /** The other end of an open connection. */
      remote: z.string().optional(),
    })
    .optional(),
});
export type Sample = z.output<typeof sampleSchema>;

const sha256 = '0'.repeat(64);
const at = '2025-01-01T00:00:00.000Z';

/** The subject that a sample stands for. */
export function sampleSubject(sample: Sample): Subject {
  const { content, facts, lookup, process, since, rotated, package: state } = sample;
  const hasBytes = [content, facts, lookup, state].some((each) => each !== undefined);
  return {
    ...(process === undefined ? { change: sampleChange(sample) } : { process: sampleProcess(sample.path, process) }),
    ...(hasBytes ? { artifact: sampleArtifact(sample) } : {}),
    ...(facts === undefined ? {} : { content: sampleFacts(facts, content === 'elf') }),
    ...(lookup === undefined ? {} : { lookup: { sha256, source: 'sample', status: lookup, label: sample.label, askedAt: at, cached: false } }),
    ...(state === undefined ? {} : { packageState: state }),
    ...(since === undefined ? {} : { phase: since }),
    ...(rotated === true ? { rotated } : {}),
  };
}

function sourceOf({ path, volume }: Sample): Pick<Change, 'container' | 'containerId' | 'place' | 'path'> {
  const place: Place = volume === undefined ? { kind: 'rootfs' } : { kind: 'volume', volume: 'sample', mountPath: volume };
  return { container: 'sample', containerId: 'sample', place, path: pathName(Buffer.from(path)) };
}

function sampleChange(sample: Sample): Change {
  const { kind, type, origin, size, sizeBefore, mtime, mtimeBefore, ctime, mode, modeBefore, capabilities, capabilitiesBefore, target } = sample;
  return {
    ...sourceOf(sample),
    ...{ kind, type, origin, size, sizeBefore, mtime, mtimeBefore, ctime, mode, modeBefore, capabilities, capabilitiesBefore },
    ...(target === undefined ? {} : { target: pathName(Buffer.from(target)) }),
    method: sample.volume === undefined ? 'overlay' : 'volume',
  };
}

function sampleArtifact(sample: Sample): Artifact {
  const { size, content = 'unknown' } = sample;
  return { id: 'sample', kind: 'file', sha256, size, content, source: sourceOf(sample), method: 'node', known: false, acquiredAt: at };
}

function sampleFacts(facts: NonNullable<Sample['facts']>, isElf: boolean): ContentFacts {
  const { entropy, static: isStatic, stripped, packed, strings } = facts;
  return {
    sha256,
    size: 100,
    type: isElf ? 'ELF' : 'text',
    entropy,
    ...(isElf ? { elf: { machine: 'x86-64', bits: 64, kind: 'executable', static: isStatic, stripped, packed } } : {}),
    strings: strings.map((kind) => ({ kind, text: `a ${kind}` })),
    stringsCut: false,
  };
}

function sampleProcess(path: string, { state, filesystem, name, arguments: parts, remote }: NonNullable<Sample['process']>): Process {
  return {
    container: 'sample',
    containerId: 'sample',
    pid: 1,
    parent: 0,
    startedAt: at,
    name: pathName(Buffer.from(name)),
    uid: 0,
    executable: { state, filesystem, path: pathName(Buffer.from(`/${path}`)) },
    arguments: parts.map((part) => pathName(Buffer.from(part))),
    environment: [],
    sockets: remote === undefined ? [] : [{ protocol: 'tcp', state: 'ESTABLISHED', local: '10.0.0.2:40000', remote }],
  };
}
