import type { Change } from '../../../playbooks/domain/change.js';
import { limitsSchema, runRequestSchema } from '../../../playbooks/domain/request.js';
import { type StepRecord, stepRecordSchema } from '../../../playbooks/domain/run.js';
import { judge } from '../../../playbooks/judgement/judge.js';
import { buildReport, draftReport, type ReportInput } from '../../../playbooks/report/build.js';
import type { Report } from '../../../playbooks/report/model.js';
import { artifactOf, at, change, lookupOf } from '../judgement/builders.js';
import { loadRules } from '../rules/load-rules.js';

const rules = loadRules();

/** What an intruder left: a miner, a web shell, an altered server configuration, a deleted log. */
export const planted: readonly Change[] = [
  change('etc/hosts', { size: 0, origin: 'runtime' }),
  change('etc/nginx/nginx.conf', { kind: 'changed' }),
  change('tmp/xmrig', { mode: '0755' }),
  change('var/log/app.log', { kind: 'deleted' }),
  change('var/www/html/shell.php'),
];

/** A step that went well. */
export function record(extra: Partial<StepRecord> = {}): StepRecord {
  return stepRecordSchema.parse({ status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, ...extra });
}

/** A whole run over some changes; the miner is known, the rest is not. */
export function sampleRun(changes: readonly Change[] = planted, extra: Partial<ReportInput> = {}): ReportInput {
  const files = changes.filter(({ kind, type, size }) => kind !== 'deleted' && type === 'file' && size !== 0);
  const artifacts = files.map((each) => artifactOf(each, each.path.text.endsWith('.php') ? 'php' : each.mode === '0755' ? 'elf' : 'text'));
  const lookups = artifacts.map((artifact) => {
    if (artifact.source?.path.text !== 'tmp/xmrig') return lookupOf(artifact, 'unknown');
    const stats = { malicious: 60, suspicious: 0, undetected: 12, harmless: 0, other: 4 };
    return lookupOf(artifact, 'detected', { label: 'miner.xmrig/linux', stats, link: `https://www.virustotal.com/gui/file/${artifact.sha256}` });
  });
  const gaps = extra.steps?.flatMap((step) => step.record?.gaps ?? []) ?? [];
  const verdict = judge({ changes, artifacts, lookups, rules, gaps, failedSteps: [] });
  return {
    run: {
      id: 'run-1',
      requestedBy: 'key:analyst',
      createdAt: at,
      request: runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, caseId: 'IR-7', reason: 'odd traffic' }),
      playbook: { name: 'a-f-02', title: 'File analysis', sha256: 'f'.repeat(64) },
      limits: limitsSchema.parse({}),
    },
    writtenAt: at,
    version: 1,
    board: {
      target: { cluster: 'default', namespace: 'shop', pod: 'web-0', uid: '0b7c3c3e-0000-4000-8000-000000000000' },
      node: { name: 'node-a', address: '10.0.0.1' },
      verdict,
    },
    steps: [
      { name: 'locate-node', record: record() },
      { name: 'diff-filesystem', record: record() },
    ],
    artifacts,
    lookups,
    changes,
    blindSpots: [],
    custody: { entries: 12, head: 'e'.repeat(64) },
    ...extra,
  };
}

/** The report of a run, as if its timeline had been stored. */
export function reportOf(input: ReportInput): Report {
  return buildReport(draftReport(input), '7'.repeat(64));
}
