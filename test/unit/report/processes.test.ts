import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { Process } from '../../../playbooks/domain/process.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { reportJson, reportSchema } from '../../../playbooks/report/model.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { processOf } from '../judgement/builders.js';
import { reportOf, sampleRun } from './sample-run.js';

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const socket = { protocol: 'tcp', state: 'LISTEN', local: '0.0.0.0:4444', remote: '0.0.0.0:0' } as const;
const deleted = processOf(20, '/tmp/x', {
  containerPid: 7,
  sockets: [socket],
  executable: { state: 'deleted', path: pathName(Buffer.from('/tmp/x')) },
});
const reportWith = (processes: readonly Process[]) => reportOf(sampleRun([], { processes }));
const tableOf = (processes: readonly Process[]) =>
  (reportMarkdown(reportWith(processes)).split('## Processes')[1] ?? '').split('\n').filter((line) => line.startsWith('| '));

describe('the section on processes', () => {
  it('shows who runs what since when, with hash, arguments and sockets, and programs without a file first', () => {
    const [, first, second] = tableOf([processOf(10), deleted]);
    expect(first).toBe(
      '| 20 (7 inside) | 1 | `web` | 0 | 2025-01-02T03:04:05.000Z | deleted `/tmp/x`, ' +
        `\`${deleted.executable.sha256 ?? ''}\` | \`/tmp/x\` | \`tcp LISTEN 0.0.0.0:4444\` |`,
    );
    expect(second).toContain('present `/usr/sbin/nginx`');
    const terminal = terminalReport(reportWith([processOf(10), deleted]));
    expect(terminal).toContain('       20  user 0  deleted  /tmp/x  /tmp/x  tcp LISTEN 0.0.0.0:4444');
  });

  it('is not there where no process was listed', () => {
    expect(reportMarkdown(reportWith([]))).not.toContain('## Processes');
    expect(terminalReport(reportWith([])).join('\n')).not.toContain('Processes');
  });

  it('shows some of many, counts all, and points at the listing', () => {
    const many = Array.from({ length: 6_000 }, (_, index) => processOf(index + 1));
    const sample = sampleRun([], { processes: [...many, deleted] });
    const listing = { sha256: 'd'.repeat(64), count: 6_001, fileless: 1, executables: 2 };
    const report = reportOf({ ...sample, board: { ...sample.board, processes: listing } });
    expect(report.processes).toMatchObject({ total: 6_001, complete: false, listing: 'd'.repeat(64) });
    expect(report.counts.processes).toEqual({ total: 6_001, fileless: 1 });
    expect(reportMarkdown(report)).toContain(`5801 are not shown here; the whole listing is evidence \`${'d'.repeat(64)}\``);
    expect(reportSchema.parse(JSON.parse(reportJson(report)))).toEqual(report);
  });

  it('keeps hostile arguments in their cell and on their line', () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom('a|b', '`', '\n# heading', '<script>', '\x1b[2J', '\u202e', '](http://evil)').map((part) => Buffer.from(part)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), text, (parts, path) => {
        const hostile = processOf(1, path, { arguments: parts.map(pathName), container: path.toString('latin1') });
        const [header = '', row = ''] = tableOf([hostile]);
        expect(row.split('|')).toHaveLength(header.split('|').length);
        for (const line of [row, ...terminalReport(reportWith([hostile]))]) expect(line).not.toMatch(unsafe);
      }),
      { numRuns: 200 },
    );
  });
});
