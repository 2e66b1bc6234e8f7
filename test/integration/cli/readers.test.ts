import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRun, secret } from '../api/door.js';
import { finish } from '../api/fakes.js';
import { openStand, type Stand, startCommand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

describe('podtriage runs, report, cancel, playbooks', () => {
  it('lists runs as a table or as JSON', async () => {
    const id = await openRun(stand.door);
    const { code, stdout } = await stand.run('runs');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^RUN +CREATED +STATE +VERDICT +TARGET +PLAYBOOK\n/);
    expect(stdout).toContain(`${id}  `);
    expect(stdout).toContain('shop/web-0');
    const list = JSON.parse((await stand.run('runs', '--json', '--limit', '1')).stdout) as { id: string }[];
    expect(list.map((run) => run.id)).toEqual([id]);
  });

  it('lists the runs that fit all filters', async () => {
    const id = await openRun(stand.door);
    finish(stand.door.runs, stand.door.evidence, id, 'suspicious');
    const other = await openRun(stand.door);
    const found = async (...filters: string[]) =>
      (JSON.parse((await stand.run('runs', '--json', ...filters)).stdout) as { id: string }[]).map((run) => run.id);
    const common = ['-n', 'shop', '--pod', 'web-0', '--cluster', 'default'];
    expect(await found(...common, '--state', 'completed', '--verdict', 'suspicious')).toEqual([id]);
    expect(await found(...common, '--state', 'queued', '--from', '2020-01-01')).toContain(other);
    expect(await found('-n', 'other', '--case', 'C-1/2: x', '--batch', 'b1', '--from', '7d', '--to', '1h')).toEqual([]);
    const { code, stderr } = await stand.run('runs', '--from', 'yesterday');
    expect([code, stderr]).toEqual([1, expect.stringContaining('such as 7d')]);
  });

  it('prints a report, or says that there is none', async () => {
    const id = await openRun(stand.door);
    const none = await stand.run('report', id);
    expect([none.code, none.stdout]).toEqual([1, '']);
    finish(stand.door.runs, stand.door.evidence, id, 'malicious', 'Bad.', '# Bad\n');
    expect((await stand.run('report', id)).stdout).toMatch(/^MALICIOUS  pod shop\/web-0/);
    expect((await stand.run('report', id, '--format', 'markdown')).stdout).toBe('# Bad\n');
    expect(JSON.parse((await stand.run('report', id, '--format', 'json')).stdout)).toMatchObject({ verdict: { level: 'malicious' } });
  });

  it('prints a page or a timeline byte for byte, and says why it cannot', async () => {
    const id = await openRun(stand.door);
    const none = await stand.run('report', id, '--format', 'html');
    expect([none.code, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toContain('report');
    finish(stand.door.runs, stand.door.evidence, id, 'malicious', 'Bad.');
    expect((await stand.run('report', id, '--format', 'html')).stdout).toBe('<!DOCTYPE html><title>Report</title>');
    expect((await stand.run('report', id, '--format', 'csv')).stdout).toBe('message\r\nfirst\r\n');
    expect((await stand.run('report', id, '--format', 'csv', '--report-version', '9')).code).toBe(1);
  });

  it('cancels a run', async () => {
    const id = await openRun(stand.door);
    expect(await stand.run('cancel', id)).toMatchObject({ code: 0, stdout: `run ${id} is cancelling\n` });
    expect((await stand.run('cancel', 'r9')).code).toBe(1);
    expect((await stand.run('cancel', '../../healthz')).code).toBe(1);
  });

  it('lists playbooks', async () => {
    expect((await stand.run('playbooks')).stdout).toContain('locate-node > write-report');
  });

  it('shows a playbook with the parameters and needs of its steps', async () => {
    expect((await stand.run('playbooks', 'a-f-02')).stdout).toContain('locate-node some=5\n  Finds the pod\n  needs: get pods\n');
    expect((await stand.run('playbooks', 'other')).code).toBe(1);
  });

  it('prints the permissions of a playbook without any service', async () => {
    const { code, stdout } = await startCommand(['playbooks', 'a-f-02', '--permissions'], {}).outcome;
    expect(code).toBe(0);
    expect(stdout).toContain('kind: ClusterRole\n');
    expect(stdout).toContain('\npodtriage ALL=(root) NOPASSWD: /usr/bin/env\n');
  });

  it.each([
    [['nonsense']],
    [['triage', 'web-0']],
    [['runs', '--limit', 'many']],
    [['report', 'r1', '--format', 'pdf']],
    [['playbooks', '--permissions']],
    [['playbooks', 'x', '--only', 'rbac']],
  ])('refuses the words %j with status 1', async (words) => {
    const outcome = await stand.run(...words);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('error:');
  });
});

describe('finding the service', () => {
  it('asks whether it runs when nobody listens', async () => {
    const outcome = await startCommand(['runs'], { PODTRIAGE_URL: 'http://127.0.0.1:1', PODTRIAGE_API_KEY: secret }).outcome;
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('is `podtriage serve` running?');
    expect(outcome.stderr).not.toContain(secret);
  });

  it('takes the key of a local service from the data folder', async () => {
    const env = { PODTRIAGE_PORT: new URL(stand.api.url).port, PODTRIAGE_DATA: stand.folder };
    const without = await startCommand(['runs'], env).outcome;
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('podtriage serve')]);
    await writeFile(join(stand.folder, 'api-key'), `${secret}\n`, { mode: 0o600 });
    expect((await startCommand(['runs'], env).outcome).code).toBe(0);
  });

  it('refuses a key file that everybody can read', async () => {
    const file = join(stand.folder, 'open-key');
    await writeFile(file, secret);
    await chmod(file, 0o644);
    const outcome = await startCommand(['runs'], { PODTRIAGE_URL: stand.api.url, PODTRIAGE_API_KEY_FILE: file }).outcome;
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`chmod 600 ${file}`);
  });

  it('says that a key is not known', async () => {
    const outcome = await startCommand(['runs'], { PODTRIAGE_URL: stand.api.url, PODTRIAGE_API_KEY: 'pt_wrong' }).outcome;
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('the API key is not known');
  });
});
