import { describe, expect, it } from 'vitest';
import { ContainerTimes } from '../../../playbooks/judgement/container-times.js';
import { change, processOf } from './builders.js';

const moment = (seconds: number): string => new Date(Date.parse('2025-01-02T03:00:00Z') + seconds * 1000).toISOString();
const process = (pid: number, seconds: number) => processOf(pid, '/usr/sbin/nginx', { startedAt: moment(seconds) });
const { containerId } = change('x');

describe('what a container wrote', () => {
  it.each<[string, readonly (readonly [pid: number, seconds: number])[], number, string | undefined]>([
    [
      'before its server had its processes',
      [
        [1, 0],
        [7, 4],
      ],
      3,
      'at-start',
    ],
    [
      'in the second of a clock that is read in whole seconds',
      [
        [1, 0],
        [7, 4],
      ],
      4.9,
      'at-start',
    ],
    [
      'when its server had been running',
      [
        [1, 0],
        [7, 4],
      ],
      6,
      'later',
    ],
    [
      'when its server had been running, told in another order',
      [
        [7, 4],
        [1, 0],
      ],
      6,
      'later',
    ],
    ['soon, by the only process that it has', [[1, 0]], 9, 'at-start'],
    ['late, by the only process that it has', [[1, 0]], 12, 'later'],
    [
      'more than a minute after its start, however late its processes came',
      [
        [1, 0],
        [7, 500],
      ],
      62,
      'later',
    ],
    ['and nobody knows when it started', [], 1, undefined],
  ])('%s', (_when, processes, seconds, phase) => {
    const times = new ContainerTimes(
      [],
      processes.map(([pid, at]) => process(pid, at)),
    );
    expect(times.phaseOf(containerId, moment(seconds))).toBe(phase);
  });

  it('is told by the placeholders of its runtime where no process is listed', () => {
    const made = change('etc/hosts', { origin: 'runtime', ctime: moment(0) });
    const times = new ContainerTimes([change('x', { ctime: moment(-9) }), made], []);
    expect([2, 30].map((seconds) => times.phaseOf(containerId, moment(seconds)))).toEqual(['at-start', 'later']);
  });

  it('is not, where a process tells better: a placeholder can be touched', () => {
    const touched = change('etc/hosts', { origin: 'runtime', ctime: moment(900) });
    expect(new ContainerTimes([touched], [process(1, 0)]).phaseOf(containerId, moment(901))).toBe('later');
  });

  it('is of no phase without a time, nor in a container that is not known', () => {
    const times = new ContainerTimes([], [process(1, 0)]);
    expect([times.phaseOf(containerId, undefined), times.phaseOf('other', moment(1))]).toEqual([undefined, undefined]);
  });
});
