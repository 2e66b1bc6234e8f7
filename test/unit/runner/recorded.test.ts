import { once } from 'node:events';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Act } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { ClusterPort, NodePort, RunningCommand, StepContext } from '../../../playbooks/ports.js';
import { Footprints } from '../../../workers/runner/footprints.js';
import { recordedCluster } from '../../../workers/runner/recorded-cluster.js';
import { recordedInContainer } from '../../../workers/runner/recorded-in-container.js';
import { recordedNodes } from '../../../workers/runner/recorded-node.js';
import { stepContext } from '../../../workers/runner/step-context.js';

const signal = new AbortController().signal;
const nobody = (): void => undefined;
const node = { cluster: 'default', name: 'node-a', address: '10.0.0.1' };
const command = { name: 'list', argv: ['find', 'a\u001b[2J'], stdin: Buffer.from('names'), privileged: true, timeoutMs: 1, maxBytes: 1 };
const ref = { cluster: 'default', namespace: 'shop', pod: 'web-0' };

function book(): { acts: Act[]; footprints: Footprints } {
  const acts: Act[] = [];
  return { acts, footprints: new Footprints((act) => Promise.resolve(void acts.push(act)), 'diff') };
}

function said(act: Act | undefined, field: string): unknown {
  return new Map<string, unknown>(Object.entries(act?.detail ?? {})).get(field);
}

function nodes(start: () => Promise<RunningCommand>): NodePort {
  return { connect: () => Promise.resolve({ node, start, close: () => Promise.resolve() }) };
}

test('a command is in custody before it starts and after it has ended, joined by one id', async () => {
  const { acts, footprints } = book();
  const port = nodes(() => {
    expect(acts.map(({ act }) => act)).toEqual(['command.started']);
    return Promise.resolve({
      stdout: Readable.from([]),
      finished: Promise.resolve({ exitCode: 3, stderr: 'x'.repeat(900), stdoutBytes: 7, durationMs: 1.4 }),
    });
  });
  const running = await (await recordedNodes(port, footprints, nobody).connect(node, signal)).start(command, signal);
  await running.finished;
  const [started, finished] = acts;
  expect(started).toMatchObject({ subject: 'node-a', detail: { step: 'diff', argv: ['find', 'a\\x1b[2J'], privileged: true, stdin: { bytes: 5 } } });
  expect(finished).toMatchObject({
    act: 'command.finished',
    detail: { exitCode: 3, stdoutBytes: 7, durationMs: 1, stderr: { first: 'x'.repeat(500) } },
  });
  expect(said(finished, 'call')).toBe(said(started, 'call'));
});

test('no command starts while the outcome of the one before it could not be recorded', async () => {
  const append = ({ act }: Act): Promise<void> =>
    act === 'command.finished' ? Promise.reject(new TriageError('redis-unavailable', 'gone')) : Promise.resolve();
  const footprints = new Footprints(append, 'diff');
  let started = 0;
  const finished = Promise.resolve({ exitCode: 0, stderr: '', stdoutBytes: 0, durationMs: 1 });
  const port = nodes(() => {
    started += 1;
    return Promise.resolve({ stdout: Readable.from([]), finished });
  });
  const session = await recordedNodes(port, footprints, nobody).connect(node, signal);
  await (await session.start(command, signal)).finished;
  await expect(session.start(command, signal)).rejects.toMatchObject({ code: 'redis-unavailable' });
  expect(started).toBe(1);
  await expect(footprints.settled(Promise.resolve())).rejects.toMatchObject({ code: 'redis-unavailable' });
  // What failed because of it says less than what it was.
  await expect(footprints.settled(Promise.reject(new TriageError('command-failed', 'no')))).rejects.toMatchObject({ code: 'redis-unavailable' });
});

test('nothing is recorded of what a step has found while the outcome of a command could not be', async () => {
  const recorded: string[] = [];
  const record = (what: string) => (): Promise<void> => Promise.resolve(void recorded.push(what));
  const names = ['recordArtifacts', 'recordLookups', 'replaceLookups', 'record'] as const;
  const log = Object.fromEntries(names.map((name) => [name, record(name)]));
  const evidence = { has: () => Promise.resolve(true) };
  const deps = { log, ports: { evidence }, references: { refer: record('refer') }, metrics: {}, logger: { child: () => undefined } };
  const attempt = { run: 'r1', step: 'diff', number: 1 };
  const lost = new Footprints(() => Promise.reject(new TriageError('redis-unavailable', 'gone')), 'diff');
  const context = (footprints: Footprints): StepContext =>
    stepContext(deps as never, { info: {} } as never, attempt as never, signal, { notes: {}, footprints } as never);
  await lost.end({ act: 'cluster.answered', detail: { call: 'c', step: 'diff', ok: true, durationMs: 1 } }).catch(() => undefined);
  const all = (ctx: StepContext): Promise<unknown>[] => [
    ctx.recordArtifacts([]),
    ctx.recordLookups([]),
    ctx.replaceLookups([]),
    ctx.record({ act: 'artifact.discarded', subject: 'x', detail: { reason: 'path-race' } }),
  ];
  for (const refused of all(context(lost))) await expect(refused).rejects.toMatchObject({ code: 'redis-unavailable' });
  expect(recorded).toEqual([]);
  await Promise.all(all(context(book().footprints)));
  expect(recorded.filter((what) => what !== 'refer').sort()).toEqual([...names].sort());
});

test('an outcome that comes while others are waited for is waited for as well', async () => {
  const waits: (() => void)[] = [];
  const footprints = new Footprints(() => new Promise((resolve) => waits.push(resolve)), 'diff');
  const outcome = { act: 'cluster.answered', detail: { call: 'c', step: 'diff', ok: true, durationMs: 1 } } as const;
  void footprints.end(outcome);
  let isDone = false;
  const durable = footprints.durable().then(() => (isDone = true));
  void footprints.end(outcome);
  waits[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  waits[1]?.();
  await durable;
});

test('a command that cannot start, or ends badly, is recorded with its code', async () => {
  const { acts, footprints } = book();
  const refused = recordedNodes(
    nodes(() => Promise.reject(new TriageError('permission-denied', 'no sudo'))),
    footprints,
    nobody,
  );
  await expect((await refused.connect(node, signal)).start(command, signal)).rejects.toMatchObject({ code: 'permission-denied' });
  const broken = (): Promise<RunningCommand> =>
    Promise.resolve({ stdout: Readable.from([]), finished: Promise.reject(new TriageError('timeout', 'late')) });
  const running = await (await recordedNodes(nodes(broken), footprints, nobody).connect(node, signal)).start(command, signal);
  await expect(running.finished).rejects.toMatchObject({ code: 'timeout' });
  expect(acts.map((act) => [act.act, said(act, 'error')])).toEqual([
    ['command.started', undefined],
    ['command.finished', 'permission-denied'],
    ['command.started', undefined],
    ['command.finished', 'timeout'],
  ]);
});

test('requests to the API server are recorded, answered or not', async () => {
  const { acts, footprints } = book();
  const gone = (): Promise<never> => Promise.reject(new TriageError('pod-not-found', 'gone'));
  const cluster: ClusterPort = { pod: gone, node: () => Promise.resolve(node), events: gone };
  const port = recordedCluster(cluster, footprints);
  await expect(port.pod(ref, signal)).rejects.toMatchObject({ code: 'pod-not-found' });
  await port.node('default', 'node-a', signal);
  expect(acts.map((act) => [act.act, said(act, 'method') ?? said(act, 'ok'), said(act, 'error')])).toEqual([
    ['cluster.request', 'get-pod', undefined],
    ['cluster.answered', false, 'pod-not-found'],
    ['cluster.request', 'get-node', undefined],
    ['cluster.answered', true, undefined],
  ]);
});

test('the output of a command in a container ends only when its end is recorded, and breaks with its code', async () => {
  const { acts, footprints } = book();
  const archive = (stream: Readable) => recordedInContainer({ archive: () => Promise.resolve(stream) }, footprints, () => undefined);
  const chunks: Buffer[] = [];
  for await (const chunk of await archive(Readable.from([Buffer.from('ab'), Buffer.from('c')])).archive(ref, 'web', Buffer.from('/a'), 10, signal))
    chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe('abc');
  expect(acts.at(-1)).toMatchObject({ act: 'command.finished', detail: { exitCode: 0, stdoutBytes: 3 } });

  const cut = new Readable({ read: () => undefined });
  const out = await archive(cut).archive(ref, 'web', Buffer.from('/a'), 10, signal);
  cut.destroy(new TriageError('transfer-truncated', 'cut'));
  await expect(out.toArray()).rejects.toMatchObject({ code: 'transfer-truncated' });
  await expect.poll(() => acts.at(-1)).toMatchObject({ act: 'command.finished', detail: { error: 'transfer-truncated' } });
});

test('a command in a container has ended once, though its reader goes before it has read all', async () => {
  const { acts, footprints } = book();
  const archive = recordedInContainer({ archive: () => Promise.resolve(Readable.from([Buffer.from('abc')])) }, footprints, () => undefined);
  const out = await archive.archive(ref, 'web', Buffer.from('/a'), 10, signal);
  await expect.poll(() => acts.map(({ act }) => act)).toEqual(['command.started', 'command.finished']);
  const closed = once(out, 'close');
  out.destroy();
  await closed;
  await new Promise((resolve) => setImmediate(resolve));
  expect(acts).toHaveLength(2);
});

test('an answer of the API server that could not be recorded is not recorded as a failure as well', async () => {
  const acts: Act[] = [];
  const append = (act: Act): Promise<void> => {
    acts.push(act);
    return act.act === 'cluster.answered' ? Promise.reject(new TriageError('redis-unavailable', 'gone')) : Promise.resolve();
  };
  const never = (): Promise<never> => Promise.reject(new Error('not asked'));
  const footprints = new Footprints(append, 'locate');
  const port = recordedCluster({ pod: never, node: () => Promise.resolve(node), events: never }, footprints);
  await port.node('default', 'node-a', signal);
  await expect(footprints.settled(Promise.resolve())).rejects.toMatchObject({ code: 'redis-unavailable' });
  expect(acts.map((act) => [act.act, said(act, 'ok')])).toEqual([
    ['cluster.request', undefined],
    ['cluster.answered', true],
  ]);
});
