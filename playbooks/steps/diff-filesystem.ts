import { z } from 'zod';
import { changeOfDifference } from '../acquisition/changes/change-rows.js';
import { nerdctlDiff } from '../acquisition/changes/nerdctl.js';
import { overlayDiff } from '../acquisition/changes/overlay-diff.js';
import { withNode } from '../acquisition/node/with-node.js';
import { volumeRows } from '../acquisition/volumes/volume-rows.js';
import type { Change } from '../domain/change.js';
import { asTriageError, TriageError } from '../domain/error.js';
import { pathName } from '../domain/path-name.js';
import { patientAttempts } from '../domain/retry.js';
import { cutText } from '../domain/short-text.js';
import type { Facts, NodeContainer } from '../facts.js';
import { rootOnNode } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

const params = z.strictObject({
  /**
   * `overlay`: the upper directory against the lower layers. `nerdctl`: what `nerdctl diff` prints. `auto`: for each container the first where
   * it has an upper directory, the second where it has none and runs on containerd.
   */
  method: z.enum(['auto', 'overlay', 'nerdctl']).default('auto'),
});
type Method = z.output<typeof params>['method'];

/** Lists what differs from the image, and what lies in the pod's own volumes. */
export const diffFilesystem = defineStep({
  name: 'diff-filesystem',
  summary: 'Lists added, changed and deleted paths, and what lies in volumes and in memory',
  queue: 'node',
  permissions: [rootOnNode],
  needs: ['target', 'node', 'containers'],
  uses: [],
  writes: ['changes'],
  params,
  timeoutMs: 30 * 60_000,
  attempts: patientAttempts,
  async run({ target, node, containers }, { method }, ctx) {
    const rows = await withNode(ctx, target, node, (session) => rowsOfAll(session, containers, method, ctx));
    const kept = withinLimit(rows.sort(byPath), ctx);
    const { sha256, count } = await keepListing(ctx, 'changes', kept);
    const number = (kind: Change['kind']) => kept.filter((row) => row.kind === kind).length;
    const used = containers.some((container) => methodOf(container, method) === 'overlay') ? 'overlay' : 'nerdctl';
    return {
      changes: {
        sha256,
        count,
        added: number('added'),
        changed: number('changed'),
        deleted: number('deleted'),
        present: number('present'),
        method: used,
      },
    } satisfies Pick<Facts, 'changes'>;
  },
});

/** What keeps us from one container and says nothing of the others. */
const ofOneContainer: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'pod-gone', 'tool-missing', 'unsupported-snapshotter']);

/** Rows of every container that can be read, a gap for each that cannot. Throws what kept us from the first when none can. */
async function rowsOfAll(session: NodeSession, containers: readonly NodeContainer[], method: Method, ctx: StepContext): Promise<Change[]> {
  const rows: Change[] = [];
  const failures: TriageError[] = [];
  for (const container of containers) {
    try {
      const list = methodOf(container, method) === 'nerdctl' ? nerdctlDiff : changesOf;
      for (const change of await list(session, container, ctx)) rows.push(change);
    } catch (error) {
      const known = asTriageError(error);
      if (!ofOneContainer.has(known.code)) throw known;
      ctx.gap({ subject: `container ${container.name} (${container.instance} instance)`, reason: known.code, detail: known.message });
      failures.push(known);
    }
  }
  const [first] = failures;
  if (first !== undefined && failures.length === containers.length) throw first;
  for (const row of await volumeRows(session, containers, ctx)) rows.push(row);
  return rows;
}

function methodOf({ overlay, runtime }: NodeContainer, method: Method): 'overlay' | 'nerdctl' {
  if (method !== 'auto') return method;
  return overlay === undefined && runtime === 'containerd' ? 'nerdctl' : 'overlay';
}

/** By bytes of the path, so that the same changes always make the same listing. */
function byPath(a: Change, b: Change): number {
  const [left, right] = [a, b].map(
    ({ container, instance, place, path }) =>
      `${container}\0${instance ?? ''}\0${JSON.stringify(place)}\0${Buffer.from(path.b64, 'base64').toString('latin1')}`,
  ) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

function withinLimit(rows: readonly Change[], ctx: StepContext): readonly Change[] {
  const most = ctx.run.limits.changes;
  if (rows.length <= most) return rows;
  tooMany(ctx, 'changed paths');
  return rows.slice(0, most);
}

async function changesOf(session: NodeSession, container: NodeContainer, ctx: StepContext): Promise<Change[]> {
  const { overlay } = container;
  if (overlay === undefined) {
    const instead =
      container.runtime === 'containerd'
        ? 'method nerdctl of diff-filesystem can list its changes, and method auto does'
        : 'on CRI-O no method can list its changes';
    throw new TriageError(
      'unsupported-snapshotter',
      `container ${container.name} has no overlay upper directory on node ${session.node.name}: ${instead}`,
    );
  }
  const { idMaps } = container;
  const diff = await overlayDiff(session, { overlay, ...(idMaps === undefined ? {} : { idMaps }) }, ctx.run.limits.changes, ctx.signal);
  if (!diff.complete) tooMany(ctx, `${container.name}:/`);
  for (const { path, reason, detail } of diff.problems) {
    ctx.gap({ subject: `${container.name}:/${path === undefined ? '' : cutText(pathName(path).text, 500)}`, reason, detail });
  }
  return diff.differences.map((difference) => changeOfDifference(container, difference));
}

/** What is not listed was not looked at either: a suspect who hides among a million files must not look harmless. */
function tooMany(ctx: StepContext, subject: string): void {
  const detail = `there are more than ${ctx.run.limits.changes} entries; the rest was not looked at`;
  ctx.gap({ subject, reason: 'changes', detail });
}
