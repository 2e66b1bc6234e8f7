import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { openRun } from '../api/door.js';
import { finish } from '../api/fakes.js';
import { at, hex, hostileName, lookupOf } from '../api/samples.js';
import { openStand, type Stand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const answer = (name: string, extra: Partial<Lookup>) =>
  stand.door.office.known.set(hex(name), { state: 'answered', lookup: { ...lookupOf(name), ...extra } });

describe('podtriage quota', () => {
  it('shows used and left of minute, day and month, what waits and until when', async () => {
    const counts = (minute: number, day: number, month: number) => ({ minute, day, month });
    stand.door.office.status = {
      source: 'virustotal',
      keys: [
        { key: '0123456789ab', limits: counts(4, 500, 15_500), used: counts(4, 10, 20), left: counts(0, 490, 15_480), waitMs: 14_000, why: 'burst' },
      ],
      waiting: { interactive: 2, webhook: 0, batch: 7 },
      eta: new Date(Date.now() + 14 * 60_000).toISOString(),
    };
    const { code, stdout } = await stand.run('quota');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^virustotal, key 0123456789ab\n/);
    expect(stdout).toMatch(/^ {2}minute {2}4 +0 +4$/m);
    expect(stdout).toMatch(/^ {2}day {5}10 +490 +500$/m);
    expect(stdout).toMatch(/^ {2}month {3}20 +15480 +15500$/m);
    expect(stdout).toContain('the minute is used up');
    expect(stdout).toMatch(/^9 hashes wait: 2 interactive, 0 webhook, 7 batch; all answered in about 1[34] min, at /m);
    expect(JSON.parse((await stand.run('quota', '--json')).stdout)).toEqual(stand.door.office.status);
  });
});

describe('podtriage lookup', () => {
  it.each([
    ['detected', 2],
    ['suspicious', 2],
    ['known-bad', 2],
    ['undetected', 0],
    ['known-good', 0],
    ['unknown', 3],
    ['error', 1],
  ] as const)('of a hash that is %s ends with status %d', async (status, code) => {
    answer(status, { status });
    const outcome = await stand.run('lookup', hex(status));
    expect([outcome.code, outcome.stdout.split('\n')[0]]).toEqual([code, `${hex(status)}: ${status}`]);
  });

  it('prints engines, label and link, in whatever case the hash is given', async () => {
    answer('a', { label: 'miner.xmrig', link: 'https://www.virustotal.com/gui/file/a' });
    const { stdout } = await stand.run('lookup', hex('a').toUpperCase());
    expect(stdout).toContain('virustotal: 40 of 61 engines call it malicious, 1 suspicious; named by One; label miner.xmrig; first seen 2026-01-02');
    expect(stdout).toContain('\n  https://www.virustotal.com/gui/file/a\n');
    expect(JSON.parse((await stand.run('lookup', hex('a'), '--json')).stdout)).toMatchObject({ sha256: hex('a'), state: 'answered' });
  });

  it('lets nothing through that could steer a terminal', async () => {
    const text = hostileName.toString('latin1');
    answer('hostile', { label: text, name: text, engines: [text], reason: text, source: text, link: text });
    const { stdout } = await stand.run('lookup', hex('hostile'));
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

  it('asks and leaves with --no-wait', async () => {
    const outcome = await stand.run('lookup', hex('new'), '--no-wait');
    expect([outcome.code, outcome.stdout]).toEqual([3, `${hex('new')}: pending, nobody can say when it is answered\n`]);
    expect(stand.door.office.asked).toContain(hex('new'));
  });

  it('waits for the answer, and asks again where the question was lost', async () => {
    const sha256 = hex('late');
    stand.door.office.known.set(sha256, { state: 'waiting', eta: at });
    const command = stand.start('lookup', sha256);
    await command.says('waits for its answer');
    stand.door.office.known.delete(sha256);
    await expect.poll(() => stand.door.office.asked.filter((each) => each === sha256).length, { timeout: 20_000 }).toBe(2);
    answer('late', { status: 'undetected' });
    const { code, stdout } = await command.outcome;
    expect([code, stdout.split('\n')[0]]).toEqual([0, `${sha256}: undetected`]);
  });

  it('leaves at Ctrl-C, with the hash still in line', async () => {
    const sha256 = hex('left');
    const command = stand.start('lookup', sha256);
    await command.says('Ctrl-C leaves');
    command.child.kill('SIGINT');
    const { code, stdout } = await command.outcome;
    expect([code, stdout.split(',')[0]]).toEqual([130, `${sha256}: pending`]);
  });

  it('refuses what is no hash', async () => {
    const { code, stderr } = await stand.run('lookup', 'abc');
    expect(code).toBe(1);
    expect(stderr).toContain('64 hexadecimal digits');
  });
});

describe('podtriage report --format summary', () => {
  it('prints one line of JSON', async () => {
    const id = await openRun(stand.door);
    expect((await stand.run('report', id, '--format', 'summary')).code).toBe(1);
    finish(stand.door.runs, stand.door.evidence, id, 'malicious', `Bad ${hostileName.toString('latin1')}`);
    const { code, stdout } = await stand.run('report', id, '--format', 'summary');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ run: id, verdict: 'malicious', links: { report: `/api/v1/runs/${id}/report` } });
  });
});
