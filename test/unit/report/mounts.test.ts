import { describe, expect, it } from 'vitest';
import type { ContainerVolume, NodeContainer } from '../../../playbooks/facts.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { type Report, reportSchema } from '../../../playbooks/report/model.js';
import { reportOf, sampleRun } from './sample-run.js';

function reportWith(...volumes: ContainerVolume[]) {
  const container: NodeContainer = {
    name: 'web',
    id: 'a',
    kind: 'container',
    instance: 'current',
    state: 'running',
    runtime: 'containerd',
    volumes,
    mountPaths: [],
  };
  const run = sampleRun();
  return reportOf({ ...run, board: { ...run.board, containers: [container] } });
}

const disk: ContainerVolume = {
  volume: 'disk',
  kind: 'empty-dir',
  mountPath: '/d',
  source: '/s',
  filesystem: 'ext4',
  readOnly: false,
  shared: 'pod',
};

describe('the mounts of a report', () => {
  it('say what each is, whose it is and what was done with it', () => {
    const host: ContainerVolume = {
      volume: '/h',
      kind: 'host-path',
      mountPath: '/h',
      source: '/srv',
      filesystem: 'ext4',
      readOnly: true,
      shared: 'node',
    };
    const report = reportWith(disk, host, { ...disk, kind: 'secret', mountPath: '/s' });
    expect(report.mounts.map(({ mountPath, treatment }) => `${mountPath} ${treatment}`)).toEqual(['/d taken', '/h listed', '/s named']);
    const markdown = reportMarkdown(report);
    expect(markdown).toContain('## Mounts');
    expect(markdown).toContain('- `/d` in `web`: empty-dir `disk` on ext4, writable, of the pod; taken');
    expect(markdown).toContain('- `/h` in `web`: host-path on ext4, read-only, of the node; listed');
  });

  it('cannot break out of their line', () => {
    const markdown = reportMarkdown(reportWith({ ...disk, mountPath: '/a\n# heading `x` \x1b[2J', volume: 'v`\n- row' }));
    expect(markdown.match(/^# /gm)).toHaveLength(1);
    expect(markdown).not.toContain('\x1b');
    expect(markdown.split('\n').filter((line) => line.includes('empty-dir'))).toHaveLength(1);
  });

  it('are missing in reports that were written before they were a part of it', () => {
    const before: Partial<Report> = reportWith(disk);
    delete before.mounts;
    expect(reportSchema.parse(before).mounts).toEqual([]);
  });
});
