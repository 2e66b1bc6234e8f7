import { describe, expect, it } from 'vitest';
import { doctor } from '../../../cli/commands/doctor.js';
import { fakeIo } from './fake-io.js';

describe('doctor', () => {
  it('passes with warnings and says what to do about them', async () => {
    const io = fakeIo();
    const warn = { name: 'disk', run: () => Promise.resolve({ ok: 'warn' as const, found: 'nearly full', todo: 'make room' }) };
    expect(await doctor(io, [{ name: 'redis', run: () => Promise.resolve({ ok: true, found: 'version 7' }) }, warn])).toBe(0);
    expect(io.printed()).toBe('ok    redis  version 7\nwarn  disk   nearly full\n\ndisk: make room\n');
  });

  it('fails when a check fails or throws, and still runs the others', async () => {
    const io = fakeIo();
    const thrown = { name: 'cluster', run: () => Promise.reject(new Error('no\x1b[2J way')) };
    expect(await doctor(io, [thrown, { name: 'redis', run: () => Promise.resolve({ ok: true, found: 'fine' }) }])).toBe(1);
    expect(io.printed()).toContain('FAIL  cluster  no\\x1b[2J way');
    expect(io.printed()).toContain('fine');
  });
});
