import { z } from 'zod';
import { type Artifact, contentTypes } from '../domain/artifact.js';
import { type Change, entryTypes, type Place } from '../domain/change.js';
import { lookupStatuses } from '../domain/lookup.js';
import { pathName } from '../domain/path-name.js';
import { executableStates, type Process } from '../domain/process.js';
import type { Subject } from './subject.js';

const mode = z.string().regex(/^[0-7]{4}$/, 'must be four octal digits in quotes, such as "4755"');

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
  mode: mode.optional(),
  modeBefore: mode.optional(),
  capabilities: z.string().min(1).optional(),
  capabilitiesBefore: z.string().optional(),
  target: z.string().optional(),
  /** Given when the file's bytes were acquired. */
  content: z.enum(contentTypes).optional(),
  lookup: z.enum(lookupStatuses).optional(),
  process: z
    .strictObject({
      state: z.enum(executableStates).default('present'),
      filesystem: z.string().default('overlayfs'),
      arguments: z.array(z.string()).default([]),
    })
    .optional(),
});
export type Sample = z.output<typeof sampleSchema>;

const sha256 = '0'.repeat(64);
const at = '2025-01-01T00:00:00.000Z';

/** The subject that a sample stands for. */
export function sampleSubject(sample: Sample): Subject {
  const place: Place = sample.volume === undefined ? { kind: 'rootfs' } : { kind: 'volume', volume: 'sample', mountPath: sample.volume };
  const source = { container: 'sample', containerId: 'sample', place, path: pathName(Buffer.from(sample.path)) };
  const { kind, type, origin, size, target, content, lookup: status, process } = sample;
  const change: Change = {
    ...source,
    kind,
    type,
    origin,
    size,
    method: sample.volume === undefined ? 'overlay' : 'volume',
    mode: sample.mode,
    modeBefore: sample.modeBefore,
    capabilities: sample.capabilities,
    capabilitiesBefore: sample.capabilitiesBefore,
    ...(target === undefined ? {} : { target: pathName(Buffer.from(target)) }),
  };
  const artifact: Artifact = {
    id: 'sample',
    kind: 'file',
    sha256,
    size,
    content: content ?? 'unknown',
    source,
    method: 'node',
    known: false,
    acquiredAt: at,
  };
  return {
    ...(process === undefined ? { change } : { process: sampleProcess(sample.path, process) }),
    ...(content === undefined && status === undefined ? {} : { artifact }),
    ...(status === undefined ? {} : { lookup: { sha256, source: 'sample', status, askedAt: at, cached: false } }),
  };
}

function sampleProcess(path: string, { state, filesystem, arguments: parts }: NonNullable<Sample['process']>): Process {
  return {
    container: 'sample',
    containerId: 'sample',
    pid: 1,
    parent: 0,
    startedAt: at,
    name: pathName(Buffer.from('sample')),
    uid: 0,
    executable: { state, filesystem, path: pathName(Buffer.from(`/${path}`)) },
    arguments: parts.map((part) => pathName(Buffer.from(part))),
    environment: [],
    sockets: [],
  };
}
