import type { Change } from '../../../playbooks/domain/change.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { ReportInput } from '../../../playbooks/report/build.js';
import { ActRows } from '../../../playbooks/report/timeline-acts.js';
import { at, change, processOf } from '../judgement/builders.js';
import { record, sampleRun } from './sample-run.js';

/** Names that try to be more than names. */
export const hostileNames: readonly string[] = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg/onload=alert(1)>",
  '</style><script>alert(1)</script>',
  '</title></head><body onload=alert(1)>',
  '<!-- --><iframe src=//evil.example>',
  '&lt;b&gt;&#60;script&#62;',
  'javascript:alert(1)',
  'https://evil.example/x.png',
  '\u202egnp.exe',
  '\u2066isolated\u2069',
  'zero\u200bwidth\u00ad\ufeff',
  'filler\u3164\u115f\uffa0end',
  '\x1b[2Jcleared\x07',
  '\x00nul\r\n<b>',
  '=HYPERLINK("//evil.example")',
  '{{constructor.constructor("alert(1)")()}}',
  '<a href="javascript:alert(1)" style="position:fixed;inset:0">click</a>',
  '<meta http-equiv="refresh" content="0;url=//evil.example">',
];

/** A run in which all that anybody could have written is this text. */
export function hostileRun(path: Uint8Array | string, words = String(path)): ReportInput {
  const name = pathName(Buffer.from(path));
  const extra: Partial<Change> = { container: words, target: { b64: '', text: words }, capabilities: words, mtime: at, ctime: at };
  const changes = [
    change(path, { ...extra, mode: '0755' }),
    change(path, { ...extra, kind: 'changed', typeBefore: 'symlink', renamedFrom: name, place: { kind: 'volume', volume: words, mountPath: words } }),
  ];
  const acts = new ActRows();
  const detail = { call: words, name: words, method: words, reason: words, error: words, step: words, reading: words };
  for (const [seq, act] of (
    ['run.requested', 'step.failed', 'command.started', 'command.finished', 'cluster.request', 'evidence.read'] as const
  ).entries())
    acts.add({ seq, at, actor: words, act, subject: words, detail });
  const steps = [
    {
      name: words,
      record: record({
        status: 'failed',
        detail: words,
        error: { code: 'internal', message: words },
        gaps: [{ subject: words, reason: words, detail: words }],
        limits: [{ subject: words, reason: words, detail: words }],
      }),
    },
  ];
  const processes = [
    processOf(7, path, {
      name,
      container: words,
      arguments: [name, name],
      sockets: [{ protocol: 'tcp', state: words.slice(0, 20), local: words.slice(0, 100), remote: words.slice(0, 100) }],
      executable: { state: 'deleted', path: name },
    }),
  ];
  const run = sampleRun(changes, { steps, processes, acts: acts.rows(), blindSpots: [words] });
  const lookups = run.lookups.map((lookup, index) => ({
    ...lookup,
    status: index === 0 ? ('detected' as const) : lookup.status,
    label: words,
    name: words,
    reason: words,
    source: words,
    link: words,
    engines: [words],
  }));
  const request = { ...run.run.request, reason: words, caseId: words, examiner: words, organisation: words };
  const playbook = { name: words, title: words, sha256: words };
  return {
    ...run,
    lookups,
    run: { ...run.run, id: words, playbook, request, requestedBy: words },
    custody: { entries: 6, head: words },
  };
}
