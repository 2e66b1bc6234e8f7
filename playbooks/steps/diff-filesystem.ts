import { z } from 'zod';
import { changeOfDifference, changeOfVolumeEntry } from '../acquisition/change-rows.js';
import { nerdctlDiff } from '../acquisition/nerdctl.js';
import { overlayDiff } from '../acquisition/overlay-diff.js';
import { isBlindSpot, isCollected } from '../acquisition/volume-entries.js';
import { walkTree } from '../acquisition/walk-tree.js';
import { withNode } from '../acquisition/with-node.js';
import type { Change } from '../domain/change.js';
import { TriageError } from '../domain/error.js';
import { pathName } from '../domain/path-name.js';
import type { Facts, NodeContainer } from '../facts.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

const params = z.strictObject({
  /** `overlay`: the upper directory against the lower layers. `nerdctl`: what `nerdctl diff` prints. */
  method: z.enum(['overlay', 'nerdctl']).default('overlay'),
});

/** Lists what differs from the image, and what lies in the pod's own volumes. */
export const diffFilesystem = defineStep({
  name: 'diff-filesystem',
  summary: 'Lists added, changed and deleted paths, and the files of emptyDir volumes',
  queue: 'node',
  permissions: ['node: sudo env'],
  needs: ['target', 'node', 'containers'],
  uses: [],
  writes: ['changes'],
  params,
  timeoutMs: 30 * 60_000,
  attempts: 4,
  async run({ target, node, containers }, { method }, ctx) {
    const rows = await withNode(ctx, target, node, async (session) => {
      const all: Change[] = [];
      for (const container of containers) {
        const found = method === 'nerdctl' ? await nerdctlDiff(session, container, ctx) : await changesOf(session, container, ctx);
        for (const change of found) all.push(change);
      }
      return all;
    });
    const kept = withinLimit(rows.sort(byPath), ctx);
    const { sha256, count } = await keepListing(ctx, 'changes', kept);
    const number = (kind: Change['kind']) => kept.filter((row) => row.kind === kind).length;
    return {
      changes: { sha256, count, added: number('added'), changed: number('changed'), deleted: number('deleted'), present: number('present'), method },
    } satisfies Pick<Facts, 'changes'>;
  },
});

/** By bytes of the path, so that the same changes always make the same listing. */
function byPath(a: Change, b: Change): number {
  const [left, right] = [a, b].map(
    ({ container, place, path }) => `${container}\0${JSON.stringify(place)}\0${Buffer.from(path.b64, 'base64').toString('latin1')}`,
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
    throw new TriageError(
      'unsupported-snapshotter',
      `container ${container.name} has no overlay upper directory on node ${session.node.name}; playbook a-f-02-listing (nerdctl diff) can list its changes on containerd`,
    );
  }
  const diff = await overlayDiff(session, overlay, ctx.run.limits.changes, ctx.signal);
  if (!diff.complete) tooMany(ctx, `${container.name}:/`);
  for (const path of diff.redirected) {
    ctx.gap({
      subject: `${container.name}:/${pathName(path).text}`,
      reason: 'redirected-directory',
      detail: 'the directory was renamed; what it brought along from the image is not listed',
    });
  }
  const rows = diff.differences.map((difference) => changeOfDifference(container, difference));
  for (const row of await volumeRows(session, container, ctx)) rows.push(row);
  return rows;
}

async function volumeRows(session: NodeSession, container: NodeContainer, ctx: StepContext): Promise<Change[]> {
  const rows: Change[] = [];
  for (const volume of container.volumes) {
    if (isBlindSpot(volume)) {
      ctx.limit({
        subject: `${container.name}:${volume.mountPath}`,
        reason: 'volume-not-collected',
        detail: `writable ${volume.kind} volume: its files are not part of any diff`,
      });
    }
    if (!isCollected(volume) || volume.source === undefined) continue;
    const { entries, complete } = await walkTree(session, volume.source, ctx.run.limits.changes, ctx.signal);
    if (!complete) tooMany(ctx, `${container.name}:${volume.mountPath}`);
    for (const entry of entries) rows.push(changeOfVolumeEntry(container, volume, entry));
  }
  return rows;
}

/** What is not listed was not looked at either: a suspect who hides among a million files must not look harmless. */
function tooMany(ctx: StepContext, subject: string): void {
  const detail = `there are more than ${ctx.run.limits.changes} entries; the rest was not looked at`;
  ctx.gap({ subject, reason: 'changes', detail });
}
