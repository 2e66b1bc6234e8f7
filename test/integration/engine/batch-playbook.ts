import { z } from 'zod';
import { type Artifact, artifactId } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { patientAttempts } from '../../../playbooks/domain/retry.js';
import { type Playbook, parsePlaybook } from '../../../playbooks/playbook.js';
import type { NodeSession } from '../../../playbooks/ports.js';
import { defineStep } from '../../../playbooks/step.js';
import { report } from './closing-step.js';
import { card, none } from './synthetic-file.js';

const containerId = 'c'.repeat(64);

/** The content of the file that ten of sixty pods have in common, and of the one that only this pod has. */
export const planted = {
  path: 'tmp/.x',
  equal: sha256Hex('planted in many'),
  own: (pod: string): string => sha256Hex(`planted in ${pod}`),
};

function fileOf(path: string, sha256: string, at: Date): Artifact {
  const source = { container: 'web', containerId, place: { kind: 'rootfs' } as const, path: pathName(Buffer.from(path)) };
  const base = { id: artifactId('file', source), sha256, size: 10, content: 'text' as const, source, acquiredAt: at.toISOString() };
  // Left on the node: no bytes are in any store.
  return { ...base, kind: 'file', method: 'node', known: false, left: true };
}

/** Every third pod is changed; of those, every second has what the others have, too. */
function filesOf(pod: string, at: Date): Artifact[] {
  const number = Number(pod.split('-').at(-1));
  const common = fileOf('etc/app.conf', sha256Hex('rendered'), at);
  const own = fileOf('var/own', sha256Hex(`own of ${pod}`), at);
  if (number % 3 !== 0) return [common, own];
  return [common, own, fileOf(planted.path, number % 2 === 0 ? planted.equal : planted.own(pod), at)];
}

const find = defineStep({
  ...card,
  name: 'find',
  summary: 'Finds the pod',
  queue: 'cluster',
  needs: [],
  uses: [],
  writes: ['target', 'node'],
  params: none,
  async run(_facts, _params, ctx) {
    const { cluster, namespace, pod } = ctx.run.request.target;
    const { uid, node = '' } = await ctx.cluster.pod({ cluster, namespace, pod }, ctx.signal);
    return { target: { cluster, namespace, pod, uid }, node: { name: node, address: '10.0.0.1' } };
  },
});

async function command(session: NodeSession, name: string, signal: AbortSignal): Promise<void> {
  const running = await session.start({ name, argv: ['true'], privileged: true, timeoutMs: 30_000, maxBytes: 1_000 }, signal);
  running.stdout.resume();
  await running.finished;
}

/** What comes after a listing, and needs the node again. */
const again = defineStep({
  ...card,
  attempts: patientAttempts,
  name: 'again',
  summary: 'Asks the node again',
  queue: 'node',
  needs: ['node'],
  uses: [],
  writes: ['hashes'],
  params: none,
  async run({ node }, _params, ctx) {
    await command(await ctx.nodes.connect({ cluster: 'default', ...node }, ctx.signal), 'again', ctx.signal);
    return { hashes: { verified: 0, broken: [] } };
  },
});

const scan = defineStep({
  ...card,
  name: 'scan',
  summary: 'Takes files',
  queue: 'node',
  needs: ['target', 'node'],
  uses: [],
  writes: ['changes', 'artifacts'],
  params: z.strictObject({ commands: z.int().default(3), fails: z.string().default('-') }),
  async run({ target, node }, { commands, fails }, ctx) {
    const session = await ctx.nodes.connect({ cluster: 'default', ...node }, ctx.signal);
    for (let number = 0; number < commands; number += 1) await command(session, 'scan', ctx.signal);
    if (target.pod.endsWith(fails)) throw new TriageError('permission-denied', 'this pod cannot be read');
    const files = filesOf(target.pod, ctx.clock());
    await ctx.recordArtifacts(files);
    const listing = { sha256: sha256Hex(ctx.run.id), count: files.length };
    return {
      changes: { ...listing, added: files.length, changed: 0, deleted: 0, present: 0, method: 'overlay' as const },
      artifacts: { ...listing, bytes: 0, stored: 0, known: 0, left: files.length, method: 'node' as const },
    };
  },
});

const judge = defineStep({
  ...card,
  name: 'judge',
  summary: 'Judges',
  queue: 'evidence',
  needs: [],
  uses: [],
  writes: ['verdict'],
  params: none,
  async run(_facts, _params, ctx) {
    const found = (await ctx.history.artifacts()).filter(({ source }) => source?.path.text === planted.path);
    const level = found.length > 0 ? ('suspicious' as const) : ('no-findings' as const);
    const findings = found.map(({ sha256 }) => ({
      rule: 'r',
      title: 't',
      level: 'suspicious' as const,
      weight: 50,
      sha256,
      evidence: 'e',
      techniques: [],
    }));
    return { verdict: { level, headline: 'a synthetic verdict', findings, findingCount: findings.length, techniques: [] } };
  },
});

function playbook(name: string, params: object, ...more: string[]): Playbook {
  const steps = [{ step: 'find' }, { step: 'scan', params }, ...more.map((step) => ({ step })), { step: 'judge' }, { step: 'report' }];
  return parsePlaybook(`${name}.yaml`, JSON.stringify({ name, title: name, summary: name, steps }), [find, scan, again, judge, report]);
}

/** Playbooks whose files follow from the name of the pod: `web-9` cannot be read by `partly`. `twice` asks the node again after its listing. */
export const batchPlaybooks: ReadonlyMap<string, Playbook> = new Map(
  [
    playbook('scan', {}),
    playbook('twenty', { commands: 20 }),
    playbook('long', { commands: 1_000 }),
    playbook('partly', { fails: '-9' }),
    playbook('twice', {}, 'again'),
  ].map((each) => [each.name, each]),
);
