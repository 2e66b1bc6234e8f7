import { z } from 'zod';
import { readNdjson } from '../acquisition/ndjson.js';
import { withNode } from '../acquisition/node/with-node.js';
import type { PackageManager } from '../acquisition/packages/database-files.js';
import { changedFiles, type PackageKnowledge, packageKnowledge } from '../acquisition/packages/package-knowledge.js';
import { packageRows } from '../acquisition/packages/package-rows.js';
import { type Change, changeSchema } from '../domain/change.js';
import { asTriageError } from '../domain/error.js';
import { type PackageFile, packageManagers } from '../domain/package.js';
import { displayText } from '../domain/path-name.js';
import { patientAttempts } from '../domain/retry.js';
import type { Facts, NodeContainer } from '../facts.js';
import { rootOnNode } from '../permission.js';
import type { NodeSession, StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keepListing } from './derived.js';

/** Asks the package databases of image and container what changed files should be. No package manager is run. */
export const checkPackages = defineStep({
  name: 'check-packages',
  summary: 'Reads what the package databases of the image and of the container say of changed files',
  queue: 'node',
  permissions: [rootOnNode],
  needs: ['target', 'node', 'containers', 'changes'],
  uses: [],
  writes: ['packages'],
  params: z.strictObject({}),
  timeoutMs: 30 * 60_000,
  attempts: patientAttempts,
  async run({ target, node, containers, changes }, _params, ctx) {
    const byContainer = await changesOf(containers, changes.sha256, ctx);
    const asked = containers.filter(({ id }) => changedFiles(byContainer.get(id) ?? []).length > 0);
    const found = asked.length === 0 ? [] : await withNode(ctx, target, node, (session) => foundIn(session, asked, byContainer, ctx));
    const managers = new Set(found.flatMap((each) => [...each.managers]));
    const listing = await keepListing(
      ctx,
      'packages',
      found.flatMap(({ rows }) => rows),
    );
    return { packages: { ...listing, managers: packageManagers.filter((manager) => managers.has(manager)) } } satisfies Pick<Facts, 'packages'>;
  },
});

/** Changes of root file systems, by the container's id. */
async function changesOf(containers: readonly NodeContainer[], listing: string, ctx: StepContext): Promise<Map<string, Change[]>> {
  const byContainer = new Map<string, Change[]>(containers.map(({ id }) => [id, []]));
  for await (const change of readNdjson(await ctx.evidence.open(listing), changeSchema)) {
    if (change.place.kind === 'rootfs') byContainer.get(change.containerId)?.push(change);
  }
  return byContainer;
}

interface Found {
  readonly rows: readonly PackageFile[];
  readonly managers: Iterable<PackageManager>;
}

/** What keeps us from one container and says nothing of the others. */
const ofOneContainer: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'pod-gone', 'tool-missing', 'transfer-truncated']);

async function foundIn(
  session: NodeSession,
  containers: readonly NodeContainer[],
  byContainer: ReadonlyMap<string, readonly Change[]>,
  ctx: StepContext,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const container of containers) {
    try {
      found.push(await ofContainer(session, container, byContainer.get(container.id) ?? [], ctx));
    } catch (error) {
      const known = asTriageError(error);
      if (!ofOneContainer.has(known.code)) throw known;
      ctx.gap({ subject: `package databases of ${nameOf(container)}`, reason: known.code, detail: known.message });
    }
  }
  return found;
}

async function ofContainer(session: NodeSession, container: NodeContainer, changes: readonly Change[], ctx: StepContext): Promise<Found> {
  const { overlay } = container;
  if (overlay === undefined) {
    const detail = 'the container has no overlay, so that its image cannot be told from what it wrote; its package databases are not read';
    ctx.limit({ subject: `package databases of ${nameOf(container)}`, reason: 'no-layers', detail });
    return { rows: [], managers: [] };
  }
  const knowledge = await packageKnowledge(session, overlay, changes, ctx.signal);
  tellProblems(container, overlay.upper, knowledge, ctx);
  return { rows: packageRows(changes, knowledge), managers: [...knowledge.image.keys(), ...knowledge.own.keys()] };
}

function tellProblems(container: NodeContainer, upper: string, { image, own, leftOut, unread }: PackageKnowledge, ctx: StepContext): void {
  const subject = (path: string): string => `${nameOf(container)}:/${displayText(Buffer.from(path, 'latin1'))}`;
  for (const { path, reason, detail } of leftOut) ctx.limit({ subject: subject(path), reason, detail });
  for (const { group, detail } of unread) {
    const where = group.tree === upper ? 'as the container has written it' : 'in the image';
    ctx.gap({ subject: subject(group.directory), reason: 'package-database', detail: `${detail} (${where})` });
  }
  for (const [where, databases] of [
    ['of the image', image],
    ['that the container has written', own],
  ] as const) {
    for (const { manager, unreadable, disputed } of databases.values()) {
      const database = `${nameOf(container)}: database of ${manager}`;
      if (unreadable > 0)
        ctx.limit({ subject: database, reason: 'package-lines', detail: `${unreadable} ${wordOf(manager)} ${where} cannot be understood` });
      if (disputed > 0)
        ctx.limit({ subject: database, reason: 'package-disputed', detail: `packages ${where} differ about ${disputed} changed files` });
    }
  }
}

function wordOf(manager: PackageManager): string {
  return manager === 'rpm' ? 'packages' : 'lines';
}

function nameOf({ name, instance }: NodeContainer): string {
  return `container ${name} (${instance} instance)`;
}
