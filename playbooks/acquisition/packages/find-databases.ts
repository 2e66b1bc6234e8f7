import type { Change } from '../../domain/change.js';
import { pathBytes } from '../../domain/path-name.js';
import type { Overlay } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { askLayers } from '../changes/ask-layers.js';
import { ancestorsOf, parentOf, withEveryAncestor } from '../node/ancestors.js';
import {
  apkDirectories,
  type DatabaseFile,
  databaseFile,
  databasePaths,
  mergedDirectories,
  type PackageManager,
  packageDirectories,
  roleOf,
  rpmDirectories,
} from './database-files.js';
import { type FileGroup, maxGroupBytes } from './database-script.js';
import { maxRpmBytes } from './rpm/fetch-database.js';

/** Why a part of a database is not read: a limit's reason and detail, and the path, latin1. */
export interface LeftOut {
  readonly path: string;
  readonly reason: string;
  readonly detail: string;
}

/** Where the files of databases are. */
export interface FoundDatabases {
  readonly groups: readonly FileGroup[];
  readonly leftOut: readonly LeftOut[];
}

/** The same of an image, and which of its directories are merged into others. */
export interface FoundInImage extends FoundDatabases {
  /** Directories, relative to the root, that are symlinks: what a database says of paths in them is said of others. */
  readonly links: ReadonlySet<string>;
  /** Directories of databases with changes beside them that are not in them yet. */
  readonly unsettled: ReadonlySet<string>;
}

/** Entries of database directories that are looked at: beyond ten thousand packages. */
const mostEntries = 60_000;

/** More packages than images have. */
const mostFiles = 5_000;
const maxFileBytes = 16 * 1024 * 1024;

/** Asked about one by one. */
const singly = [...databasePaths, ...mergedDirectories, ...mergedDirectories.map((name) => `usr/${name}`), ...packageDirectories];

/** All directories that lead to a database. */
const directories: ReadonlySet<string> = new Set(
  [...packageDirectories, ...apkDirectories, ...rpmDirectories].flatMap((path) => [...ancestorsOf(path), path]),
);

/**
 * Finds the databases of an image: of each file the layer that has it, by overlayfs' own rules.
 * @throws what askLayers throws
 */
export async function findInImage(session: NodeSession, overlay: Overlay, signal: AbortSignal): Promise<FoundInImage> {
  const names = withEveryAncestor(singly);
  const below = packageDirectories.map((path) => Buffer.from(path, 'latin1'));
  const { answer, complaint } = await askLayers(session, overlay, { question: 'image', tree: '/', names, below, most: mostEntries }, signal);
  const found = new Finder();
  for (const { path, entry, layer } of answer.image.withLayers()) found.take(overlay.lowers[layer - 1] ?? '', path, entry.type, entry.size);
  if (answer.full)
    found.leave('var/lib/dpkg', 'package-database-too-large', `its directories have more than ${mostEntries} entries; others were not looked at`);
  if (complaint !== '') found.leave('var/lib/dpkg', 'package-database-unreadable', complaint);
  for (const path of answer.image.redirected)
    if (directories.has(path)) found.leave(path, 'package-database-unreadable', 'a layer of the image renamed it');
  const isLink = (path: string): boolean => answer.image.at(path)?.type === 'symlink';
  return { ...found.done(), links: new Set(singly.filter(isLink)), unsettled: found.unsettled };
}

/**
 * Finds what a container has written to its databases among its changes.
 * @param unsettled what the image has of {@link FoundInImage.unsettled}: it is beside what the container writes, too
 */
export function findInChanges(upper: string, changes: readonly Change[], unsettled: ReadonlySet<string> = new Set()): FoundDatabases {
  const found = new Finder(unsettled);
  for (const { path, kind, type, size, metadataOnly, renamedFrom } of changes) {
    // With its content still in the image it says nothing new.
    if (kind === 'deleted' || (metadataOnly === true && renamedFrom === undefined)) continue;
    const key = pathBytes(path).toString('latin1');
    // nerdctl tells no types and no sizes; tar will.
    const seen = type === 'unknown' && roleOf(key) !== undefined ? 'file' : type;
    if (seen === 'directory' || seen === 'unknown') continue;
    if (renamedFrom === undefined) found.take(upper, key, seen, size ?? 1);
    else if (roleOf(key) !== undefined) found.leave(key, 'package-database-unreadable', 'the container renamed it, or a directory above it');
  }
  return found.done();
}

/** Sorts out what can be read. */
class Finder {
  private readonly groups = new Map<string, { readonly tree: string; readonly directory: string; readonly files: DatabaseFile[] }>();
  private readonly leftOut: LeftOut[] = [];
  private readonly notDirectories: string[] = [];
  private readonly managers = new Set<PackageManager>();
  private odd = 0;
  private files = 0;
  private bytes = 0;
  readonly unsettled: Set<string>;

  constructor(unsettled: ReadonlySet<string> = new Set()) {
    this.unsettled = new Set(unsettled);
  }

  take(tree: string, path: string, type: string, size: number): void {
    const role = roleOf(path);
    if (role === undefined) {
      if (type !== 'directory' && directories.has(path)) this.notDirectories.push(path);
    } else if (role === 'odd') this.odd += 1;
    else if (role === 'rpm-other') this.leaveOther(path);
    else if (role === 'rpm-unsettled') this.takeUnsettled(path, size);
    else if (type !== 'file') this.leave(path, 'package-database-unreadable', `it is no file but a ${type}`);
    else if (size > 0) this.add(role, tree, databaseFile(path, size), path);
  }

  private leaveOther(path: string): void {
    this.managers.add('rpm');
    this.leave(path, 'package-database-unsupported', 'databases of rpm are read in SQLite alone');
  }

  /** Without them, a database says what it no longer means. */
  private takeUnsettled(path: string, size: number): void {
    if (size === 0) return;
    this.unsettled.add(parentOf(path));
    this.leave(path, 'package-database-unreadable', 'it holds changes that are not in the database yet, which is not read');
  }

  private add(manager: PackageManager, tree: string, file: DatabaseFile, path: string): void {
    this.managers.add(manager);
    if (!this.hasRoom(manager, file.size)) {
      this.leave(path, 'package-database-too-large', 'it is more than is read of a package database');
      return;
    }
    const key = `${tree}\0${file.directory}`;
    const group = this.groups.get(key) ?? { tree, directory: file.directory, files: [] };
    group.files.push(file);
    this.groups.set(key, group);
  }

  /** Files of rpm come one by one, the others together. */
  private hasRoom(manager: PackageManager, size: number): boolean {
    if (manager === 'rpm') return size <= maxRpmBytes;
    if (size > maxFileBytes || this.bytes + size > maxGroupBytes || this.files === mostFiles) return false;
    this.files += 1;
    this.bytes += size;
    return true;
  }

  leave(path: string, reason: string, detail: string): void {
    this.leftOut.push({ path, reason, detail });
  }

  done(): FoundDatabases {
    if (this.odd > 0) this.leave('var/lib/dpkg', 'package-database-unreadable', `${this.odd} files have names that no package has`);
    for (const path of this.notDirectories) {
      // Where usr was merged, what leads to one of apk's two places is a link; one of rpm's is often a link to the other.
      const isRpm = rpmDirectories.has(path) || path === 'usr/lib/sysimage';
      const manager = isRpm ? 'rpm' : path.startsWith('var') ? 'dpkg' : path.includes('apk') ? 'apk' : undefined;
      if (manager !== undefined && !this.managers.has(manager)) {
        this.leave(path, 'package-database-unreadable', 'it is no directory, and is not followed');
      }
    }
    const groups = [...this.groups.values()].filter(({ directory }) => !this.unsettled.has(directory));
    return { groups, leftOut: oncePerReason(this.leftOut) };
  }
}

/** A hostile pod can have thousands: the first of each kind, and how many more. */
function oncePerReason(all: readonly LeftOut[]): LeftOut[] {
  const byKind = new Map<string, LeftOut[]>();
  for (const one of all) {
    const key = `${one.reason}\0${one.detail}`;
    const same = byKind.get(key) ?? [];
    same.push(one);
    byKind.set(key, same);
  }
  return [...byKind.values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    return [more.length === 0 ? first : { ...first, detail: `${first.detail} (this and ${more.length} more)` }];
  });
}
