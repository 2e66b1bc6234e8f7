import { createHash } from 'node:crypto';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import type { Change } from '../../../playbooks/domain/change.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { VerdictLevel } from '../../../playbooks/domain/verdict.js';
import { type Report, reportSchemaVersion } from '../../../playbooks/report/model.js';
import type { RunRow, RunView } from '../../../store/run-view.js';

/** The name of the hostile file that the fakes know of: escape sequences, a line end and bytes that are no UTF-8. */
export const hostileName = Buffer.from('tmp/\x1b[2J\x1b]0;owned\x07\n\xff\xfe.sh', 'latin1');
export const at = '2026-01-02T03:04:05.678Z';
export const hex = (text: string) => createHash('sha256').update(text).digest('hex');

export function changeOf(name: string | Buffer, kind: Change['kind'] = 'added'): Change {
  return {
    container: 'web',
    containerId: 'c'.repeat(64),
    place: { kind: 'rootfs' },
    path: pathName(Buffer.from(name)),
    kind,
    type: 'file',
    mode: '0755',
    uid: 0,
    gid: 0,
    size: 12,
    mtime: at,
    origin: 'container',
    method: 'overlay',
  };
}

export function artifactOf(name: string): Artifact {
  const { container, containerId, place, path } = changeOf(name);
  return {
    id: hex(name).slice(0, 32),
    kind: 'file',
    sha256: hex(name),
    size: 12,
    content: 'script',
    source: { container, containerId, place, path },
    method: 'node',
    known: false,
    acquiredAt: at,
  };
}

export function lookupOf(name: string): Lookup {
  return {
    sha256: hex(name),
    source: 'virustotal',
    status: 'detected',
    stats: { malicious: 40, suspicious: 1, undetected: 20, harmless: 0, other: 3 },
    engines: ['One'],
    firstSeen: at,
    askedAt: at,
    cached: false,
  };
}

/** A report that says nothing but its verdict and the sentence given. */
export function reportOf(view: RunView, level: VerdictLevel, sentence: string): Report {
  const none = { total: 0, complete: true, rows: [] };
  return {
    schemaVersion: reportSchemaVersion,
    version: 1,
    run: { id: view.id, playbook: view.playbook, target: view.request.target, requestedBy: 'key:key-1', createdAt: at, writtenAt: at },
    summary: [sentence, '', ''],
    completeness: 'full',
    verdict: { level, headline: sentence, findingCount: 0, techniques: [] },
    findings: [],
    lookAtFirst: [],
    counts: {
      changes: { total: 0, added: 0, changed: 0, deleted: 0, present: 0 },
      files: { total: 0, bytes: 0, known: 0, left: 0, unstable: 0 },
      processes: { total: 0, fileless: 0 },
      lookups: {},
    },
    blindSpots: [],
    mounts: [],
    gaps: [],
    limits: [],
    changes: { ...none, groups: [] },
    processes: none,
    artifacts: none,
    timeline: none,
    listings: {},
    lookups: [],
    steps: [],
    custody: { entries: 5, head: hex('head') },
  };
}

/** A run as lists show it. */
export function rowOf(view: RunView): RunRow {
  const row: RunRow & { steps?: unknown } = { ...view };
  delete row.steps;
  return row;
}
