import { z } from 'zod';
import { TriageError } from '../../domain/error.js';
import { parseJson } from '../../domain/json.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';
import { podNamespace } from '../node/pod-namespace.js';
import type { ContainerRecord } from './container-record.js';
import { parseRuntimeConfig, parseSandboxConfig } from './runtime-config.js';

/** Where containerd keeps a root file system: the layers of an overlay, or for other snapshotters one directory. */
export type SnapshotMount =
  | { readonly type: 'overlay'; readonly options: string }
  | { readonly type: 'bind'; readonly source: string }
  | { readonly type: 'other' };

/** Runs containerd's own client. Throws `tool-missing` where the node has none, with what to do. */
async function ctr(session: NodeSession, name: string, args: readonly string[], ctx: Pick<StepContext, 'ctr' | 'signal'>) {
  const command = nodeCommand(name, [...ctx.ctr, ...podNamespace, ...args], { timeoutMs: 60_000 });
  try {
    return { command, ...(await collect(session, command, ctx.signal)) };
  } catch (error) {
    if (!(error instanceof TriageError) || error.code !== 'tool-missing') throw error;
    throw new TriageError(
      'tool-missing',
      `node ${session.node.name} has no ${ctx.ctr[0] ?? 'ctr'}, containerd's own client, which alone knows the layers of ended containers and of pods with hostUsers: false; set PODTRIAGE_CTR to where it is on the nodes, and PODTRIAGE_CONTAINERD_ADDRESS`,
      { cause: error },
    );
  }
}

/**
 * Asks containerd for its record of a container, whether it runs or has ended; undefined when it has none.
 * @throws TriageError `tool-missing`, `command-failed`
 */
export async function recordOfContainerd(
  session: NodeSession,
  id: string,
  ctx: Pick<StepContext, 'ctr' | 'signal'>,
): Promise<ContainerRecord | undefined> {
  const { command, stdout, outcome } = await ctr(session, 'ctr-info', ['containers', 'info', id], ctx);
  if (outcome.exitCode === 1 && outcome.stderr.includes('not found')) return undefined;
  checkExit(command, session.node.name, outcome);
  const record = parseContainerInfo(stdout.toString('utf8'));
  if (record === undefined)
    throw new TriageError('command-failed', `ctr on node ${session.node.name}: its record of container ${id.slice(0, 12)} cannot be read`);
  return record;
}

/**
 * Asks containerd where kubelet keeps the logs of pods, by its record of the sandbox of a container's pod; undefined where that does not say.
 * @throws TriageError `tool-missing`, `command-failed`
 */
export async function podLogsOfContainerd(session: NodeSession, id: string, ctx: Pick<StepContext, 'ctr' | 'signal'>): Promise<string | undefined> {
  const record = await recordOfContainerd(session, id, ctx);
  if (record?.sandbox === undefined) return undefined;
  const { command, stdout, outcome } = await ctr(session, 'ctr-info', ['containers', 'info', record.sandbox], ctx);
  checkExit(command, session.node.name, outcome);
  const info = z.object({ Spec: z.unknown() }).safeParse(parseJson(stdout.toString('utf8')));
  return parseSandboxConfig(info.data?.Spec, record.pod).podLogs;
}

const word = z.string().regex(/^[A-Za-z0-9][\w.:/-]*$/);
const infoSchema = z.object({ Snapshotter: word, SnapshotKey: word, Spec: z.unknown() });

/** Parses what `ctr containers info` prints. The labels in it, which an image's author can write, are passed over. */
export function parseContainerInfo(text: string): ContainerRecord | undefined {
  const info = infoSchema.safeParse(parseJson(text));
  const parsed = info.success ? parseRuntimeConfig('containerd', info.data.Spec) : undefined;
  if (!info.success || parsed === undefined) return undefined;
  return { runtime: 'containerd', ...parsed.config, snapshot: { snapshotter: info.data.Snapshotter, key: info.data.SnapshotKey } };
}

/**
 * Asks containerd how it would mount a snapshot; nothing is mounted.
 * @throws TriageError `tool-missing`, `command-failed`
 */
export async function snapshotMount(
  session: NodeSession,
  { snapshotter, key }: { readonly snapshotter: string; readonly key: string },
  ctx: Pick<StepContext, 'ctr' | 'signal'>,
): Promise<SnapshotMount> {
  const args = ['snapshots', '--snapshotter', snapshotter, 'mounts', snapshotTarget, key];
  const { command, stdout, outcome } = await ctr(session, 'ctr-mounts', args, ctx);
  checkExit(command, session.node.name, outcome);
  return parseSnapshotMount(stdout.toString('utf8'));
}

/** A place that need not exist: it is only printed. */
const snapshotTarget = '/podtriage';

/** Parses `mount -t TYPE SOURCE TARGET -o OPTIONS`, whose parts ctr does not quote: only the target and the ends are looked for. */
export function parseSnapshotMount(text: string): SnapshotMount {
  const lines = text.split('\n').filter((line) => line !== '');
  const match = lines.length === 1 ? /^mount -t (\S+) (.+) \/podtriage -o (.*)$/.exec(lines[0] ?? '') : null;
  const [, type = '', source = '', options = ''] = match ?? [];
  if (type === 'overlay') return { type, options };
  if (type === 'bind' && source.startsWith('/')) return { type, source };
  return { type: 'other' };
}
