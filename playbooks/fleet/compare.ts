import type { BatchTargetState } from '../domain/batch.js';
import { byText } from '../domain/by-text.js';
import type { VerdictLevel } from '../domain/verdict.js';
import { groupsOf } from './groups.js';
import { type PodFile, worse } from './pod-files.js';
import { type FleetReport, type FleetRow, fleetLevels } from './report.js';
import type { BatchTarget } from './target.js';

/** More rows than this are left out, the last ones. */
export const maxRows = 20_000;
/** Numbers of pods that a row lists. */
const maxPods = 100;

/** What is known of one pod, by what is signed. */
export interface FleetPod {
  readonly number: number;
  readonly target: BatchTarget;
  readonly state: BatchTargetState;
  readonly run?: string;
  readonly verdict?: VerdictLevel;
  /** Why its files say nothing, or not all. */
  readonly unknown?: { readonly what: 'not-examined' | 'partial'; readonly reason: string };
  readonly files: readonly PodFile[];
}

type Key = string;
/** How many pods have something, and which was counted last. */
interface Tally {
  pods: number;
  last: number;
}

interface Found {
  readonly group: number;
  readonly file: PodFile;
  readonly pods: number[];
  level: PodFile['level'];
}

/** Compares the pods of a batch, group by group: what only one replica or few have comes first. */
export class Comparison {
  private readonly groups;
  private readonly rows = new Map<Key, Found>();
  /** Pods of a group that have a path, whatever its content. */
  private readonly paths = new Map<Key, Tally>();
  /** Pods that have a content, wherever. */
  private readonly holders = new Map<string, Tally>();
  private readonly known: Omit<FleetPod, 'files'>[] = [];

  constructor(targets: readonly BatchTarget[]) {
    this.groups = groupsOf(targets);
  }

  /** Takes a pod, each once; its files need not be kept after it. */
  add({ files, ...pod }: FleetPod): void {
    this.known.push(pod);
    const group = this.groups.of[pod.number] ?? 0;
    for (const file of files) {
      const path = pathKey(group, file);
      const key = `${path}\0${file.sha256}`;
      const row = this.rows.get(key) ?? { group, file, pods: [], level: 'none' };
      if (row.pods.at(-1) !== pod.number) row.pods.push(pod.number);
      row.level = worse(row.level, file.level);
      this.rows.set(key, row);
      count(this.paths, path, pod.number);
      count(this.holders, file.sha256, pod.number);
    }
  }

  report(batch: string, at: string): FleetReport {
    const examined = this.known.filter(({ unknown }) => unknown?.what !== 'not-examined');
    const sizes = this.groups.all.map((_group, number) => examined.filter((pod) => this.groups.of[pod.number] === number).length);
    const majority = this.majorities();
    const rows = [...this.rows].map(([, found]) => this.rowOf(found, sizes[found.group] ?? 0, majority)).sort(byInterest);
    return {
      version: 1,
      batch,
      at,
      groups: this.groups.all.map((group, number) => ({ ...group, examined: sizes[number] ?? 0 })),
      pods: this.known.map((pod) => this.podOf(pod)),
      unknown: this.known.flatMap(({ number, unknown }) => (unknown === undefined ? [] : [{ number, ...unknown }])),
      artifacts: rows.slice(0, maxRows),
      left: Math.max(0, rows.length - maxRows),
    };
  }

  private podOf({ number, target, state, run, verdict }: Omit<FleetPod, 'files'>): FleetReport['pods'][number] {
    const { namespace, pod, node } = target;
    return {
      number,
      namespace,
      pod,
      ...(node === undefined ? {} : { node }),
      group: this.groups.of[number] ?? 0,
      ...(run === undefined ? {} : { run }),
      state,
      ...(verdict === undefined ? {} : { verdict }),
    };
  }

  /** The content of each path that more than half of those who have the path have. */
  private majorities(): ReadonlyMap<Key, string> {
    const found = new Map<Key, string>();
    for (const { group, file, pods } of this.rows.values()) {
      const path = pathKey(group, file);
      if (pods.length * 2 > (this.paths.get(path)?.pods ?? 0)) found.set(path, file.sha256);
    }
    return found;
  }

  private rowOf({ group, file, pods, level }: Found, size: number, majority: ReadonlyMap<Key, string>): FleetRow {
    const { container, place, path, sha256, size: bytes } = file;
    const key = pathKey(group, file);
    const others = majority.get(key) !== undefined && majority.get(key) !== sha256;
    const havePath = this.paths.get(key)?.pods ?? 0;
    const elsewhere = (this.holders.get(sha256)?.pods ?? 0) - pods.length;
    return {
      group,
      container,
      place,
      path,
      sha256,
      size: bytes,
      level,
      rarity: rarityOf({ found: pods.length, havePath, size, others }),
      pods: pods.slice(0, maxPods),
      found: pods.length,
      elsewhere,
    };
  }
}

function rarityOf({ found, havePath, size, others }: { found: number; havePath: number; size: number; others: boolean }): FleetRow['rarity'] {
  if (size <= 1) return 'alone';
  if (found * 2 > size) return 'common';
  return havePath * 2 <= size || others ? 'outlier' : 'varies';
}

const rarities: readonly FleetRow['rarity'][] = ['outlier', 'alone', 'varies', 'common'];

function byInterest(a: FleetRow, b: FleetRow): number {
  return (
    rarities.indexOf(a.rarity) - rarities.indexOf(b.rarity) ||
    fleetLevels.indexOf(a.level) - fleetLevels.indexOf(b.level) ||
    a.found - b.found ||
    a.group - b.group ||
    byText(a.path.b64, b.path.b64) ||
    byText(a.container, b.container) ||
    byText(a.place, b.place) ||
    byText(a.sha256, b.sha256)
  );
}

function pathKey(group: number, { container, place, path }: PodFile): Key {
  return [group, container, place, path.b64].join('\0');
}

/** Counts a pod once; pods come one after the other. */
function count(tallies: Map<string, Tally>, key: string, pod: number): void {
  const tally = tallies.get(key) ?? { pods: 0, last: -1 };
  if (tally.last !== pod) tally.pods += 1;
  tally.last = pod;
  tallies.set(key, tally);
}
