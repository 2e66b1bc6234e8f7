import { describe, expect, it } from 'vitest';
import { RotatedLogs } from '../../../playbooks/judgement/rotated-logs.js';
import { change } from './builders.js';

const log = change('var/log/app.log', { kind: 'changed', size: 0, sizeBefore: 500 });

describe('a log is taken for rotated', () => {
  it.each<[string, number, boolean]>([
    ['var/log/app.log.1', 500, true],
    ['var/log/app.log.1', 499, false],
    ['var/log/app.log.1', 0, false],
    ['var/log/app.log.1.gz', 120, true],
    ['var/log/app.log.1.gz', 20, false],
    ['var/log/app.log.gz', 120, true],
    ['var/log/app.log-20250131', 900, true],
    ['var/log/app.log.2025-01-31', 900, true],
    ['var/log/app-20250131.log', 900, true],
    ['var/log/app-2025-01-31.log.zst', 90, true],
    ['var/log/app.log.old', 900, true],
    ['var/log/other.log.1', 900, false],
    ['var/log/old/app.log.1', 900, false],
    ['var/log/app.log.bak', 900, false],
  ])('for %s of %i bytes: %s', (path, size, is) => {
    expect(new RotatedLogs([log, change(path, { size })]).has(log)).toBe(is);
  });

  it('not for a copy in another container, nor for one that is gone', () => {
    const copy = change('var/log/app.log.1', { size: 900 });
    expect(new RotatedLogs([{ ...copy, containerId: 'other' }]).has(log)).toBe(false);
    expect(new RotatedLogs([{ ...copy, kind: 'deleted' }]).has(log)).toBe(false);
  });

  it('for a copy that moved on to the next number', () => {
    const gone = change('var/log/app.log.1', { kind: 'deleted', sizeBefore: 300 });
    expect(new RotatedLogs([gone, change('var/log/app.log.2', { size: 300 })]).has(gone)).toBe(true);
    expect(new RotatedLogs([gone]).has(gone)).toBe(false);
  });
});
