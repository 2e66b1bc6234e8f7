import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finish, listChanges } from '../api/fakes.js';
import { at, changeOf, hostileName } from '../api/samples.js';
import { openStand, type RunningCommand, type Stand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

const words = ['triage', '-n', 'shop', 'web-0'];

/** Waits until the command has opened its run, and gives the run's id. */
async function opened(command: RunningCommand): Promise<string> {
  await command.says('run r');
  return /run (r[0-9a-z]{4,})/.exec(command.said())?.[1] ?? '';
}

describe('podtriage triage', () => {
  it.each([
    ['malicious', 2],
    ['suspicious', 2],
    ['inconclusive', 3],
    ['no-findings', 0],
  ] as const)('ends a run that is %s with status %d', async (verdict, code) => {
    const command = stand.start(...words);
    const id = await opened(command);
    finish(stand.door.runs, stand.door.evidence, id, verdict);
    const outcome = await command.outcome;
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toContain(verdict.toUpperCase());
    expect(outcome.stderr).toContain(`podtriage verify ${id}`);
  });

  it('passes on what is to be moved, and refuses what is no such choice', async () => {
    const command = stand.start(...words, '--acquire', 'hashes', '--upload', 'private', '--detach');
    const id = (await command.outcome).stdout.trim();
    expect(stand.door.runs.of(id).view.request.options).toMatchObject({ acquire: 'hashes', lookups: { upload: 'private' } });
    const { code, stderr } = await stand.start(...words, '--acquire', 'some').outcome;
    expect(code).not.toBe(0);
    expect(stderr).toContain('hashes, selected, all');
  });

  it('says each change of a step once, what was found, and when the pod may be stopped', async () => {
    const { runs, evidence } = stand.door;
    const command = stand.start(...words);
    const id = await opened(command);
    runs.step(id, 'locate-node', 'running');
    await command.says('locate-node: running');
    runs.step(id, 'locate-node', 'succeeded', { node: { name: 'worker-1', address: '192.0.2.7' } });
    await command.says('locate-node: succeeded');
    listChanges(runs, evidence, id, [changeOf('etc/a'), changeOf('etc/b', 'deleted')]);
    await command.says('diff-filesystem: succeeded');
    runs.change(id, { milestones: { acquisitionFinished: at }, waitingFor: { for: 'quota', since: at } });
    await command.says('the pod may now be stopped');
    finish(runs, evidence, id, 'malicious');
    const { stderr } = await command.outcome;
    const lines = stderr.split('\n');
    expect(lines.filter((line) => line.startsWith('locate-node: running'))).toHaveLength(1);
    expect(lines.find((line) => line.startsWith('locate-node: succeeded'))).toContain('node worker-1');
    expect(lines.find((line) => line.startsWith('diff-filesystem: succeeded'))).toContain('2 paths: 1 added, 0 changed, 1 deleted');
    expect(stderr).toContain('waits for quota since 2026-01-02 03:04 UTC');
    expect(stderr).not.toContain('\x1b');
  });

  it('prints the report as JSON that no terminal can stumble over', async () => {
    const command = stand.start(...words, '--json');
    finish(stand.door.runs, stand.door.evidence, await opened(command), 'malicious', hostileName.toString('latin1'));
    const { code, stdout } = await command.outcome;
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: { level: 'malicious' }, summary: [hostileName.toString('latin1'), '', ''] });
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('lets no control character of a hostile name or message through', async () => {
    const { runs, evidence } = stand.door;
    const command = stand.start(...words);
    const id = await opened(command);
    const hostile = 'x\x1b[2J\x1b]0;owned\x07\u009b31m\u202eevil';
    const steps = runs.of(id).view.steps.map((step) => ({
      ...step,
      state: 'failed' as const,
      attempt: 1,
      detail: hostile,
      error: { code: 'internal' as const, message: hostile },
    }));
    runs.change(id, { steps });
    await command.says('evil');
    runs.step(id, 'locate-node', 'succeeded', { node: { name: hostile, address: hostile } });
    await command.says('locate-node: succeeded');
    finish(runs, evidence, id, 'malicious', hostile, `# Report\n\n${hostile}\n`);
    const { stdout, stderr } = await command.outcome;
    expect(stdout).toContain('evil');
    const markdown = await stand.run('report', id, '--format', 'markdown');
    expect(markdown.stdout).toContain('evil');
    expect(stdout + stderr + markdown.stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

  it('prints only the id of the run when detached', async () => {
    const outcome = await stand.run(...words, '--detach', '--case', 'C-7', '--reason', 'alert');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const { request } = stand.door.runs.of(outcome.stdout.trim()).view;
    expect(request).toMatchObject({ caseId: 'C-7', reason: 'alert', target: { namespace: 'shop', pod: 'web-0' } });
  });

  it('is an error when the run failed, however it was judged, and says why', async () => {
    const command = stand.start(...words);
    const id = await opened(command);
    stand.door.runs.change(id, { state: 'failed', finishedAt: at, error: { code: 'pod-not-found', message: 'there is no pod web-0' } });
    const outcome = await command.outcome;
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('there is no pod web-0');
    expect(outcome.stderr).toContain('there is no report to show');
  });

  it('is an error when the request is refused, and names the field', async () => {
    const outcome = await stand.run('triage', '-n', 'Shop', 'web-0');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('#/target/namespace');
  });

  it('cancels the run at the first signal where nobody can be asked, and shows it to its end', async () => {
    const command = stand.start(...words);
    const id = await opened(command);
    command.child.kill('SIGINT');
    await command.says('cancelling');
    while (stand.door.runs.of(id).view.state !== 'cancelling') await new Promise((resolve) => setTimeout(resolve, 20));
    finish(stand.door.runs, stand.door.evidence, id, 'inconclusive');
    stand.door.runs.change(id, { state: 'cancelled' });
    expect((await command.outcome).code).toBe(1);
  });

  it('leaves at the second signal and names the run', async () => {
    const command = stand.start(...words);
    const id = await opened(command);
    command.child.kill('SIGINT');
    await command.says('cancelling');
    command.child.kill('SIGINT');
    const outcome = await command.outcome;
    expect(outcome.code).toBe(130);
    expect(outcome.stderr).toContain(`podtriage cancel ${id}`);
  });

  it('goes on when the service is away for a moment', async () => {
    const command = stand.start(...words);
    const id = await opened(command);
    await command.says('playbook');
    stand.door.runs.broken = 'throws';
    stand.door.runs.announce(id);
    await command.says('does not answer');
    stand.door.runs.broken = 'no';
    finish(stand.door.runs, stand.door.evidence, id, 'no-findings');
    expect((await command.outcome).code).toBe(0);
  });
});
