import type { Change } from '../../domain/change.js';
import { asTriageError } from '../../domain/error.js';
import { safeText } from '../../domain/short-text.js';
import type { ContainerVolume, NodeContainer } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';
import { changeOfVolumeEntry } from '../changes/change-rows.js';
import { ownersSeen } from '../changes/id-map.js';
import { walkArgv } from '../node/find-records.js';
import { type Reading, readingOf, walkingTree } from '../node/safe-tree.js';
import { type Walk, walkTree } from '../node/walk-tree.js';
import { deviceNumber, insideMount, processPlaceOf } from '../trees/process-place.js';
import { processTree } from '../trees/process-tree.js';
import { hostListing } from './host-listing.js';
import { mountOrigins } from './mount-origin.js';
import { isBlindSpot, treatmentOf } from './volume-entries.js';
import { walkTogether } from './walk-together.js';

/** Entries of one directory of the node, or of what outlives the pod, that are listed. */
const mostListed = 10_000;

/** A volume, and the container that it is attributed to: the first that has it mounted. */
interface Mounted {
  readonly container: NodeContainer;
  readonly volume: ContainerVolume;
}

/** What keeps us from one volume and says nothing of the others. */
const ofOneVolume: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'path-race', 'pod-gone', 'timeout', 'tool-missing']);

/**
 * Rows of all that lies in the volumes of a pod's containers; each volume once, however many containers have it mounted. What policy leaves out
 * is named as limits, what could not be read as gaps.
 */
export async function volumeRows(session: NodeSession, containers: readonly NodeContainer[], ctx: StepContext): Promise<Change[]> {
  const rows: Change[] = [];
  const all = once(containers);
  const walked = await walkedTogether(session, all, ctx);
  for (const mounted of all) {
    const subject = subjectOf(mounted);
    sayWhatIsLeft(mounted, subject, ctx);
    if (treatmentOf(mounted.volume) === 'named') continue;
    try {
      for (const row of await rowsOf(session, mounted, subject, walked.get(mounted), ctx)) rows.push(row);
    } catch (error) {
      const known = asTriageError(error);
      if (!ofOneVolume.has(known.code)) throw known;
      if (treatmentOf(mounted.volume) === 'taken') ctx.gap({ subject, reason: known.code, detail: known.message });
      else ctx.limit({ subject, reason: 'volume-by-name-only', detail: known.message });
    }
  }
  return rows;
}

/** A directory that is mounted read-only here and writable there counts as writable. */
function once(containers: readonly NodeContainer[]): Mounted[] {
  const found = new Map<string, Mounted>();
  // What is mounted now says more than what was mounted before a restart.
  const current = containers.filter(({ state }) => state === 'running');
  for (const container of [...current, ...containers.filter((each) => !current.includes(each))]) {
    for (const volume of container.volumes) {
      const { source, mountId, mountPath } = volume;
      const key = source ?? `${container.id} ${mountId ?? ''} ${mountPath}`;
      const before = found.get(key);
      if (before === undefined) found.set(key, { container, volume });
      else if (before.volume.readOnly && !volume.readOnly) found.set(key, { ...before, volume: { ...before.volume, readOnly: false } });
    }
  }
  return [...found.values()];
}

/** Mount points of a record are the pod author's text. */
function subjectOf({ container, volume }: Mounted): string {
  return `${container.name}:${safeText(volume.mountPath, 500)}`;
}

function sayWhatIsLeft({ container, volume }: Mounted, subject: string, ctx: StepContext): void {
  const { kind, mountPath, device } = volume;
  const treatment = treatmentOf(volume);
  if (kind === 'tmpfs' && device === undefined) {
    // With the last process of a container goes what it had in memory alone.
    if (container.state === 'ended') return;
    const detail = `the runtime mounted a file system in memory at ${safeText(mountPath, 500)}, and the mount table of the container's init process does not show it`;
    ctx.gap({ subject, reason: 'mount-not-seen', detail });
  } else if (isBlindSpot(volume)) {
    const detail = `writable ${kind} volume: its files are ${treatment === 'listed' ? 'listed, and not taken' : 'not listed'}`;
    ctx.limit({ subject, reason: 'volume-not-collected', detail });
  } else if (kind === 'secret' || kind === 'config-map' || kind === 'projected') {
    ctx.limit({ subject, reason: 'volume-by-name-only', detail: `${kind} volumes are named, and nothing in them is listed or read` });
  }
}

async function rowsOf(session: NodeSession, mounted: Mounted, subject: string, known: Walk | undefined, ctx: StepContext): Promise<Change[]> {
  const { container, volume } = mounted;
  const isTaken = treatmentOf(volume) === 'taken';
  const most = isTaken ? ctx.run.limits.changes : Math.min(mostListed, ctx.run.limits.changes);
  const { entries, complete, problem } = known ?? (await walkOf(session, mounted, most, ctx.signal));
  if (problem !== undefined) ctx.gap({ subject, reason: 'not-all-read', detail: problem });
  if (!complete && isTaken) ctx.gap({ subject, reason: 'changes', detail: `there are more than ${most} entries; the rest was not looked at` });
  if (!complete && !isTaken) ctx.limit({ subject, reason: 'volume-entries', detail: `the first ${most} entries are listed; there are more` });
  const device = volume.mountId === undefined || volume.device === undefined ? undefined : deviceNumber(volume.device);
  const origins = mountOrigins(volume.mountPath, device, entries);
  return entries.map((entry, index) => ({
    ...changeOfVolumeEntry(container, volume, entry),
    // Kubelet's own volumes have the container's ids on the node; what the container has mounted itself does not.
    ...(device === undefined || container.idMaps === undefined
      ? {}
      : { ...ownersSeen(entry, container.idMaps), nodeUid: entry.uid, nodeGid: entry.gid }),
    ...(isTaken ? {} : { listedOnly: true }),
    origin: origins[index] ?? 'container',
  }));
}

/** Volumes of the pod alone, as far as all of them can be walked by one command; what is not in the answer has to be walked by itself. */
function walkedTogether(session: NodeSession, all: readonly Mounted[], ctx: StepContext): Promise<ReadonlyMap<Mounted, Walk>> {
  const reading = readingOf(session) ?? 'nosymfollow';
  const argvs = new Map<Mounted, string[]>();
  for (const mounted of all) {
    const argv = treatmentOf(mounted.volume) === 'taken' ? argvOf(mounted, reading) : undefined;
    if (argv !== undefined) argvs.set(mounted, argv);
  }
  return walkTogether(session, argvs, ctx.run.limits.changes, ctx.signal);
}

function argvOf({ container, volume }: Mounted, reading: Reading): string[] | undefined {
  const place = processPlaceOf(container, volume);
  if (place !== undefined) return insideMount(place, walkArgv);
  return volume.source === undefined ? undefined : walkingTree(volume.source, walkArgv, reading);
}

function walkOf(session: NodeSession, { container, volume }: Mounted, most: number, signal: AbortSignal): Promise<Walk> {
  const { source } = volume;
  const place = processPlaceOf(container, volume);
  if (place !== undefined) return processTree(session, place).walk(most, signal);
  if (source === undefined) return Promise.resolve({ entries: [], complete: true });
  return volume.kind === 'host-path' || volume.kind === 'persistent'
    ? hostListing(session, source, most, signal)
    : walkTree(session, source, most, signal);
}
