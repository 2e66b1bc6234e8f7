import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { patientAttempts } from '../../../playbooks/domain/retry.js';
import { type Playbook, parsePlaybook } from '../../../playbooks/playbook.js';
import type { StepContext } from '../../../playbooks/ports.js';
import { defineStep, type Step } from '../../../playbooks/step.js';
import { report } from './closing-step.js';
import { gather } from './gather.js';
import { card, fileArtifact, none } from './synthetic-file.js';

const timed = z.strictObject({ ms: z.int().default(10) });

/** Work of about `ms`, long and short alike; it heeds the signal. */
function work(ctx: StepContext, ms: number): Promise<void> {
  return sleep(ms * (0.5 + Math.random()), undefined, { signal: ctx.signal });
}

async function command(ctx: StepContext, name: string, ms: number): Promise<void> {
  const session = await ctx.nodes.connect({ cluster: 'default', name: 'node-a', address: '10.0.0.1' }, ctx.signal);
  const running = await session.start({ name, argv: ['sleep', String(ms)], privileged: true, timeoutMs: 30_000, maxBytes: 1_000 }, ctx.signal);
  running.stdout.resume();
  await running.finished;
}

const locate = defineStep({
  ...card,
  name: 'locate',
  summary: 'Asks the cluster',
  queue: 'cluster',
  needs: [],
  uses: [],
  writes: ['target', 'node'],
  params: timed,
  async run(_facts, { ms }, ctx) {
    const { cluster, namespace, pod } = ctx.run.request.target;
    const { uid } = await ctx.cluster.pod({ cluster, namespace, pod }, ctx.signal);
    await work(ctx, ms);
    return { target: { cluster, namespace, pod, uid }, node: { name: 'node-a', address: '10.0.0.1' } };
  },
});

const list = defineStep({
  ...card,
  name: 'list',
  summary: 'Asks the node',
  queue: 'node',
  needs: ['node'],
  uses: [],
  writes: ['podContainers'],
  params: timed.extend({ fails: z.number().default(0.1) }),
  async run(_facts, { ms, fails }, ctx) {
    await command(ctx, 'list', ms);
    if (ctx.attempt === 1 && Math.random() < fails) throw new TriageError('node-unreachable', 'the first attempt fails now and then');
    return { podContainers: [] };
  },
});

const diff = defineStep({
  ...card,
  name: 'diff',
  summary: 'Lists changes',
  queue: 'node',
  needs: ['node'],
  uses: [],
  writes: ['changes'],
  params: timed,
  async run(_facts, { ms }, ctx) {
    await command(ctx, 'diff', ms);
    const sha256 = sha256Hex(ctx.run.id);
    const listing = { ...fileArtifact(ctx.run.id, 'changes', ctx.clock()), kind: 'listing' as const };
    await ctx.recordArtifacts([listing]);
    return { changes: { sha256, count: 0, added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' as const, first: [] } };
  },
});

const acquire = defineStep({
  ...card,
  name: 'acquire',
  summary: 'Takes files',
  queue: 'node',
  needs: ['node', 'changes'],
  uses: [],
  writes: ['artifacts'],
  params: timed.extend({ shared: z.boolean().default(false) }),
  async run(_facts, { ms, shared }, ctx) {
    const files = ['a', 'b', 'c', 'd'].map((name) => fileArtifact(shared ? 'shared' : ctx.run.id, name, ctx.clock()));
    await command(ctx, 'acquire', ms);
    await ctx.recordArtifacts(files.slice(0, 2));
    await work(ctx, ms);
    await ctx.recordArtifacts(files);
    return {
      artifacts: { sha256: sha256Hex(ctx.run.id), count: files.length, bytes: 40, stored: files.length, known: 0, left: 0, method: 'node' as const },
    };
  },
});

const hash = defineStep({
  ...card,
  name: 'hash',
  summary: 'Reads back',
  queue: 'evidence',
  needs: ['artifacts'],
  uses: [],
  writes: ['hashes'],
  params: timed,
  async run(_facts, { ms }, ctx) {
    await work(ctx, ms);
    return { hashes: { verified: (await ctx.history.artifacts()).length, broken: [] } };
  },
});

const lookup = defineStep({
  ...card,
  name: 'lookup',
  summary: 'Asks about hashes',
  queue: 'intel',
  needs: ['artifacts'],
  uses: [],
  writes: ['lookups'],
  params: timed,
  async run(_facts, { ms }, ctx) {
    const hashes = await ctx.history.artifacts();
    const answers = await ctx.answers(hashes.map(({ sha256, content }) => ({ sha256, rank: content === 'elf' ? 0 : 3 })));
    await ctx.recordLookups([...answers.values()]);
    await work(ctx, ms);
    return { lookups: { sha256: sha256Hex(ctx.run.id), count: hashes.length, counts: { answered: answers.size } } };
  },
});

const judge = defineStep({
  ...card,
  name: 'judge',
  summary: 'Judges',
  queue: 'evidence',
  needs: ['target'],
  uses: ['changes', 'lookups'],
  writes: ['verdict'],
  params: timed,
  async run({ changes, lookups }, { ms }, ctx) {
    await work(ctx, ms);
    const level = changes !== undefined && lookups !== undefined ? 'no-findings' : 'inconclusive';
    return { verdict: { level, headline: 'a synthetic verdict', findings: [], findingCount: 0, techniques: [] } };
  },
});

/** Kills the process that runs it, each time. */
const poison = defineStep({
  ...card,
  name: 'poison',
  summary: 'Kills its worker',
  queue: 'node',
  needs: [],
  uses: [],
  writes: [],
  params: none,
  run: () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise<never>(() => undefined);
  },
});

/** Says that it writes where the pod is, and never does. */
const lost = defineStep({
  ...card,
  name: 'lost',
  summary: 'Finds nothing',
  queue: 'cluster',
  needs: [],
  uses: [],
  writes: ['target', 'node'],
  params: none,
  run: () => Promise.reject(new TriageError('pod-not-found', 'there is no such pod')),
});

/** Fails the given way until its attempt number is reached. */
const flaky = defineStep({
  ...card,
  attempts: patientAttempts,
  name: 'flaky',
  summary: 'Fails for a while',
  queue: 'evidence',
  needs: [],
  uses: [],
  writes: ['hashes'],
  params: z.strictObject({ code: z.enum(['node-unreachable', 'path-race', 'permission-denied']), until: z.int() }),
  run(_facts, { code, until }, ctx) {
    if (ctx.attempt < until) return Promise.reject(new TriageError(code, `attempt ${ctx.attempt} fails`));
    return Promise.resolve({ hashes: { verified: ctx.attempt, broken: [] } });
  },
});

/** Every synthetic step. */
export const syntheticCatalog: readonly Step[] = [locate, list, diff, acquire, gather, hash, lookup, judge, report, poison, lost, flaky];

/** Makes a playbook of synthetic steps, each with the parameters given. */
export function syntheticPlaybook(name: string, steps: Readonly<Record<string, Record<string, unknown>>>): Playbook {
  const list = Object.entries(steps).map(([step, params]) => ({ step, params }));
  return parsePlaybook(`${name}.yaml`, JSON.stringify({ name, title: name, summary: name, steps: list }), syntheticCatalog);
}

const everyStep = { locate: {}, list: {}, diff: {}, acquire: {}, hash: {}, lookup: {}, judge: {}, report: {} };

/** The playbooks of the engine tests, by name. */
export const syntheticPlaybooks: ReadonlyMap<string, Playbook> = new Map(
  [
    syntheticPlaybook('storm', everyStep),
    syntheticPlaybook('steady', { ...everyStep, list: { fails: 0 } }),
    syntheticPlaybook('asking', { gather: {}, lookup: {}, report: {} }),
    syntheticPlaybook('slow', { ...everyStep, diff: { ms: 60_000 } }),
    syntheticPlaybook('lasting', { locate: {}, diff: { ms: 3_000 }, report: {} }),
    syntheticPlaybook('brief', { locate: {}, diff: { ms: 80 }, report: {} }),
    syntheticPlaybook('shared', { ...everyStep, acquire: { shared: true } }),
    syntheticPlaybook('poisoned', { locate: {}, poison: {}, diff: {}, report: {} }),
    syntheticPlaybook('podless', { lost: {}, diff: {}, report: {} }),
    syntheticPlaybook('retried', { locate: {}, flaky: { code: 'node-unreachable', until: 6 }, diff: {}, report: {} }),
    syntheticPlaybook('hopeless', { flaky: { code: 'node-unreachable', until: 9 }, report: {} }),
    syntheticPlaybook('raced', { locate: {}, flaky: { code: 'path-race', until: 9 }, diff: {}, report: {} }),
    syntheticPlaybook('refused', { locate: {}, flaky: { code: 'permission-denied', until: 9 }, diff: {}, report: {} }),
  ].map((playbook) => [playbook.name, playbook]),
);
