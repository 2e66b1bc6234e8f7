import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { NodeSession } from '../../../playbooks/ports.js';
import type { SshConfig } from '../../../workers/adapters/node/ssh-config.js';
import type { SshNodes } from '../../../workers/adapters/node/ssh-nodes.js';
import { createSshNodes } from '../../../workers/adapters/node/ssh-nodes.js';
import { command, failure, marked, run } from './running.js';
import { processesWith, TestSshd, TestUser, until } from './sshd.js';

const MiB = 1024 * 1024;
const signal = new AbortController().signal;
let sshd: TestSshd;
const opened: SshNodes[] = [];

beforeAll(async () => {
  sshd = await TestSshd.start(['MaxSessions 4']);
});
afterAll(() => sshd.stop());
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.close()));
});

async function session(change: Partial<SshConfig> = {}): Promise<NodeSession> {
  const nodes = createSshNodes(sshd.config(change));
  opened.push(nodes);
  return nodes.connect(sshd.node, signal);
}

describe('a command that ends by itself', () => {
  test('gets its arguments byte for byte and reports exit status, bytes and stderr', async () => {
    const argv = ['sh', '-c', 'printf "%s|" "$@"; echo no >&2; exit 3', 'x', `it's`, 'a\nb', '$HOME `id` \\', 'é'];
    const { stdout, outcome } = await run(await session(), command(argv));
    expect(stdout.toString()).toBe(`it's|a\nb|$HOME \`id\` \\|é|`);
    expect(outcome).toMatchObject({ exitCode: 3, stderr: 'no', stdoutBytes: stdout.length });
  });

  test('gets 5 MB of stdin with NUL bytes unchanged', async () => {
    const stdin = Buffer.concat([Buffer.from([0, 0]), randomBytes(5 * MiB), Buffer.from([0])]);
    const { stdout } = await run(await session(), command(['cat'], { stdin }));
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(stdin).digest('hex'));
  });

  test('may leave its stdin unread', async () => {
    const { outcome } = await run(await session(), command(['true'], { stdin: randomBytes(5 * MiB) }));
    expect(outcome.exitCode).toBe(0);
  });

  test('has its stderr capped and made safe to print, and is not held up by it', async () => {
    const script = `printf 'tar: \\033[2J\\342\\200\\256 evil\\n' >&2; head -c 1000000 /dev/zero >&2; echo out`;
    const { stdout, outcome } = await run(await session(), command(['sh', '-c', script]));
    expect(stdout.toString()).toBe('out\n');
    expect(outcome.stderr).toMatch(/^tar: \\x1b\[2J\\xe2\\x80\\xae evil\n(\\x00)+$/);
    expect(outcome.stderr.length).toBeLessThan(4 * 16 * 1024 + 100);
  });

  test('may use 124 as an exit status of its own', async () => {
    const { outcome } = await run(await session(), command(['sh', '-c', 'exit 124']));
    expect(outcome.exitCode).toBe(124);
  });

  test('is told apart from one that a signal ended', async () => {
    const { outcome } = await run(await session(), command(['sh', '-c', 'kill -9 $$']));
    expect(outcome.exitCode).not.toBe(0);
  });

  test('gives way to all else on the node, for CPU and disk', async () => {
    const { stdout } = await run(await session(), command(['sh', '-c', 'nice; ionice -p $$']));
    expect(stdout.toString()).toBe('19\nbest-effort: prio 7\n');
  });

  test.runIf(existsSync('/proc/self/autogroup'))('gives way with its session, where time is shared out by sessions', async () => {
    const { stdout } = await run(await session(), command(['cat', '/proc/self/autogroup']));
    expect(stdout.toString()).toMatch(/ nice 10\n$/);
  });

  test('runs beside more others than the node allows on one connection', async () => {
    const on = await session();
    const all = await Promise.all(Array.from({ length: 11 }, (_, index) => run(on, command(['sh', '-c', 'sleep 0.2; echo "$0"', String(index)]))));
    expect(all.map(({ stdout }) => stdout.toString().trim())).toEqual(Array.from({ length: 11 }, (_, index) => String(index)));
  });

  test('starts on a new connection when the old one was cut while idle', async () => {
    const on = await session();
    await run(on, command(['true']));
    sshd.cutConnections();
    expect((await run(on, command(['echo', 'again']))).stdout.toString()).toBe('again\n');
  });
});

describe('a command that is stopped', () => {
  test('leaves nothing running when its time is up', async () => {
    const { argv, mark } = marked(600);
    const running = await (await session()).start(command(argv, { timeoutMs: 1_000 }), signal);
    await until(() => processesWith(mark).length > 0);
    expect(await failure(running)).toMatchObject({ code: 'timeout' });
    await until(() => processesWith(mark).length === 0);
  });

  test('leaves nothing running when it ignores SIGTERM', async () => {
    const { argv, mark } = marked(600);
    const running = await (await session()).start(command(['sh', '-c', `trap "" TERM; ${argv.join(' ')}; :`], { timeoutMs: 1_000 }), signal);
    expect(await failure(running)).toMatchObject({ code: 'timeout' });
    await until(() => processesWith(mark).length === 0);
  });

  test('fails with the reason of the abort and leaves nothing running', async () => {
    const { argv, mark } = marked(600);
    const abort = new AbortController();
    const running = await (await session()).start(command(argv), abort.signal);
    await until(() => processesWith(mark).length > 0);
    const reason = new TriageError('timeout', 'the step took too long');
    abort.abort(reason);
    expect(await failure(running)).toBe(reason);
    await until(() => processesWith(mark).length === 0);
  });

  test('ends with its session', async () => {
    const { argv, mark } = marked(600);
    const on = await session();
    const running = await on.start(command(argv), signal);
    await until(() => processesWith(mark).length > 0);
    await on.close();
    expect(await failure(running)).toMatchObject({ code: 'cancelled' });
    await until(() => processesWith(mark).length === 0);
  });

  test('fails as limit-exceeded when it prints more than it may', async () => {
    const running = await (await session()).start(command(['cat', '/dev/zero'], { maxBytes: 3 * MiB }), signal);
    expect(await failure(running)).toMatchObject({ code: 'limit-exceeded' });
  });

  test('ends when nobody wants its output any more', async () => {
    const mark = `ends-with-its-reader-${String(Math.random())}`;
    const running = await (await session()).start(command(['sh', '-c', `: ${mark}; cat /dev/zero; :`]), signal);
    for await (const chunk of running.stdout) {
      expect((chunk as Buffer).length).toBeGreaterThan(0);
      break;
    }
    await expect(running.finished).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => processesWith(mark).length === 0);
  });

  test('that loses its connection in mid-stream fails as node-unreachable, never as a short output', async () => {
    const running = await (await session()).start(command(['sh', '-c', 'echo start; sleep 60']), signal);
    running.stdout.once('data', () => sshd.cutConnections());
    expect(await failure(running)).toMatchObject({ code: 'node-unreachable' });
  });

  test('before it started does not start', async () => {
    const { argv, mark } = marked(600);
    await expect((await session()).start(command(argv), AbortSignal.abort(new Error('early')))).rejects.toMatchObject({ code: 'cancelled' });
    expect(processesWith(mark)).toEqual([]);
  });
});

describe('a slow reader', () => {
  test('gets all of 200 MB while the sender waits', async () => {
    const running = await (await session()).start(command(['head', '-c', String(200 * MiB), '/dev/zero'], { timeoutMs: 120_000 }), signal);
    let size = 0;
    let most = 0;
    for await (const chunk of running.stdout) {
      size += (chunk as Buffer).length;
      most = Math.max(most, running.stdout.readableLength);
      if (size % (4 * MiB) < (chunk as Buffer).length) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(size).toBe(200 * MiB);
    expect(most).toBeLessThan(MiB);
    expect((await running.finished).stdoutBytes).toBe(size);
  });
});

describe('a cap on the bandwidth', () => {
  test('holds all commands on a node back, and none of their bytes is lost', async () => {
    const on = await session({ bandwidth: 8 * MiB });
    const started = performance.now();
    const all = await Promise.all([1, 2, 3].map(() => run(on, command(['head', '-c', String(4 * MiB), '/dev/zero']))));
    const seconds = (performance.now() - started) / 1000;
    expect(all.map(({ outcome }) => outcome)).toEqual(Array(3).fill(expect.objectContaining({ exitCode: 0, stdoutBytes: 4 * MiB })));
    // 12 MiB less what may burst through at first.
    expect(seconds).toBeGreaterThan(1);
  });

  test('does not hold up an abort', async () => {
    const abort = new AbortController();
    const running = await (await session({ bandwidth: 1 })).start(command(['cat', '/dev/zero']), abort.signal);
    running.stdout.once('data', () => abort.abort(new Error('stop')));
    expect(await failure(running)).toMatchObject({ code: 'cancelled' });
  });
});

describe('what a node lacks', () => {
  test('ionice may be missing', async () => {
    const bin = join(sshd.folder, 'bin');
    mkdirSync(bin);
    for (const tool of ['env', 'timeout', 'sh', 'nice', 'printf']) symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
    const bare = await TestSshd.start([`SetEnv PATH=${bin}`]);
    const nodes = createSshNodes(bare.config());
    try {
      expect((await run(await nodes.connect(bare.node, signal), command(['nice']))).stdout.toString()).toBe('19\n');
    } finally {
      await nodes.close();
      bare.stop();
    }
  });

  test('a missing program is tool-missing and named', async () => {
    const running = await (await session()).start(command(['no-such-tool']), signal);
    expect(await failure(running)).toMatchObject({ code: 'tool-missing', message: expect.stringContaining('no-such-tool') as string });
  });

  test('root does without sudo', async () => {
    const { stdout } = await run(await session({ sudo: ['no-such-sudo'] }), command(['id', '-u'], { privileged: true }));
    expect(stdout.toString()).toBe('0\n');
  });
});

describe('sudo', () => {
  const users: TestUser[] = [];
  afterEach(() => {
    for (const user of users.splice(0)) user.remove();
  });
  async function as(rule?: string): Promise<NodeSession> {
    const user = new TestUser('/bin/sh', rule);
    users.push(user);
    return session({ user: user.name });
  }
  const privileged = { privileged: true };

  test('makes a plain user root where the command asks for it, and only there', async () => {
    const on = await as('ALL=(ALL) NOPASSWD: ALL');
    expect((await run(on, command(['id', '-u'], privileged))).stdout.toString()).toBe('0\n');
    expect((await run(on, command(['id', '-u']))).stdout.toString()).not.toBe('0\n');
  });

  test('passes an abort on to what it runs', async () => {
    const { argv, mark } = marked(600);
    const abort = new AbortController();
    const running = await (await as('ALL=(ALL) NOPASSWD: ALL')).start(command(argv, privileged), abort.signal);
    await until(() => processesWith(mark).length > 0);
    abort.abort(new Error('stop'));
    expect(await failure(running)).toMatchObject({ code: 'cancelled' });
    await until(() => processesWith(mark).length === 0);
  });

  test('that wants a password is permission-denied with what to do', async () => {
    const running = await (await as('ALL=(ALL) ALL')).start(command(['id'], privileged), signal);
    expect(await failure(running)).toMatchObject({ code: 'permission-denied', message: expect.stringContaining('NOPASSWD') as string });
  });

  test('that does not know the user is permission-denied', async () => {
    const running = await (await as()).start(command(['id'], privileged), signal);
    expect(await failure(running)).toMatchObject({ code: 'permission-denied' });
  });

  test('that allows other commands only is permission-denied', async () => {
    const running = await (await as('ALL=(ALL) NOPASSWD: /bin/ls')).start(command(['id'], privileged), signal);
    expect(await failure(running)).toMatchObject({ code: 'permission-denied' });
  });

  test('whose words a command prints on its own is no refusal', async () => {
    const script = 'echo x; echo "sudo: a password is required" >&2; exit 1';
    const { outcome } = await run(await as('ALL=(ALL) NOPASSWD: ALL'), command(['sh', '-c', script], privileged));
    expect(outcome.exitCode).toBe(1);
  });
});
