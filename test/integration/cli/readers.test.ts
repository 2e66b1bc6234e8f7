import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRun, secret } from '../api/door.js';
import { finish, Signer } from '../api/fakes.js';
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

  it('prints a report, or says that there is none', async () => {
    const id = await openRun(stand.door);
    const none = await stand.run('report', id);
    expect([none.code, none.stdout]).toEqual([1, '']);
    finish(stand.door.runs, stand.door.evidence, id, 'malicious', 'Bad.', '# Bad\n');
    expect((await stand.run('report', id)).stdout).toMatch(/^MALICIOUS  pod shop\/web-0/);
    expect((await stand.run('report', id, '--format', 'markdown')).stdout).toBe('# Bad\n');
    expect(JSON.parse((await stand.run('report', id, '--format', 'json')).stdout)).toMatchObject({ verdict: { level: 'malicious' } });
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

describe('podtriage verify', () => {
  it('says that a chain holds', async () => {
    const id = await openRun(stand.door);
    const outcome = await stand.run('verify', id);
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toMatch(new RegExp(`^custody of run ${id} holds: 5 entries, head [0-9a-f]{64}\n$`));
  });

  it('names the entry that is broken, and why', async () => {
    const id = await openRun(stand.door);
    const chain = stand.door.runs.of(id).custody;
    chain.splice(3, 1);
    const outcome = await stand.run('verify', id);
    expect([outcome.code, outcome.stdout]).toEqual([1, `custody of run ${id} is BROKEN: entry 3 has sequence 4, expected 3\n`]);
  });

  it('finds a line that is no longer as it was signed, even if its value is the same', async () => {
    const id = await openRun(stand.door);
    const chain = stand.door.runs.of(id).custody;
    chain[1] = ` ${chain[1] ?? ''}`;
    expect((await stand.run('verify', id)).stdout).toContain('entry 1 is not in canonical form');
  });

  it('trusts only the keys of a file where it is given one', async () => {
    const id = await openRun(stand.door);
    const file = join(stand.folder, 'jwks.json');
    const response = await fetch(`${stand.api.url}/.well-known/jwks.json`);
    await writeFile(file, await response.text());
    expect((await stand.run('verify', id, '--keys', file)).code).toBe(0);
    const stranger = new Signer().publicKey.export({ format: 'jwk' });
    await writeFile(file, JSON.stringify({ keys: [{ ...stranger, kid: 'test-key' }] }));
    expect((await stand.run('verify', id, '--keys', file)).code).toBe(1);
    await writeFile(file, '{}');
    expect((await stand.run('verify', id, '--keys', file)).code).toBe(2);
  });

  it('cannot check a run that is not there, nor a service that is away', async () => {
    expect((await stand.run('verify', 'r9')).code).toBe(2);
    const away = startCommand(['verify', 'r1'], { PODTRIAGE_URL: 'http://127.0.0.1:1', PODTRIAGE_API_KEY: secret });
    expect((await away.outcome).code).toBe(2);
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
