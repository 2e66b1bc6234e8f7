import type { Change } from '../../domain/change.js';
import { TriageError } from '../../domain/error.js';
import { pathBytes } from '../../domain/path-name.js';
import type { Overlay } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { checkExit, nodeCommand, whileRunning } from '../node/node-command.js';
import { notSafe } from '../node/safe-tree.js';
import { Claims } from './claims.js';
import { type Asked, DatabaseAnswer, type Unread } from './database-answer.js';
import { managerOf, mergedDirectories, type PackageManager } from './database-files.js';
import { selecting } from './database-script.js';
import { type FoundDatabases, findInChanges, findInImage, type LeftOut } from './find-databases.js';
import { fetchDatabase } from './rpm/fetch-database.js';
import { readRpmDatabase } from './rpm/read-rpm-database.js';
import { WantedPaths } from './rpm/wanted-paths.js';

/** Databases of one side, by package manager; those that are not there are missing. */
export type Databases = ReadonlyMap<PackageManager, Claims>;

/** What package databases say of changed paths of one container. */
export interface PackageKnowledge {
  /** In the image's layers, which the container cannot write. */
  readonly image: Databases;
  /** In what the container itself has written. */
  readonly own: Databases;
  /** Directories that are links in the image. */
  readonly links: ReadonlySet<string>;
  readonly leftOut: readonly LeftOut[];
  /** Parts of databases that could not be read; they are in the image unless `tree` is the upper directory. */
  readonly unread: readonly Unread[];
}

/** No database can be asked about longer paths. */
const maxPathBytes = 4_096;

/**
 * Asks the package databases of a container about its changed files, in at most two commands, and one more for each database of rpm.
 * @param changes of this container's root file system
 * @throws TriageError what keeps us from its layers
 */
export async function packageKnowledge(
  session: NodeSession,
  overlay: Overlay,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<PackageKnowledge> {
  const inImage = await findInImage(session, overlay, signal);
  const inUpper = findInChanges(overlay.upper, changes, inImage.unsettled);
  const image = databasesOf(inImage);
  const own = databasesOf(inUpper);
  const asked = [...image.asked, ...own.asked];
  const paths = [...new Set(changedFiles(changes).flatMap(namesInDatabases))];
  const unread = paths.length === 0 ? [] : await askAll(session, paths, asked, signal);
  return { image: image.databases, own: own.databases, links: inImage.links, leftOut: [...inImage.leftOut, ...inUpper.leftOut], unread };
}

function databasesOf({ groups }: FoundDatabases): { databases: Databases; asked: Asked[] } {
  const databases = new Map<PackageManager, Claims>();
  const asked = groups.map((group) => {
    const manager = managerOf(group.directory);
    const claims = databases.get(manager) ?? new Claims(manager);
    databases.set(manager, claims);
    return { group, claims };
  });
  return { databases, asked };
}

/** Files of a container that a package could have. */
export function changedFiles(changes: readonly Change[]): Change[] {
  return changes.filter(({ place, kind, type }) => place.kind === 'rootfs' && isNow(kind) && (type === 'file' || type === 'unknown'));
}

function isNow(kind: Change['kind']): boolean {
  return kind === 'added' || kind === 'changed';
}

/** A path as databases may have it, itself first: `usr/bin/ls` can be `bin/ls` there, and the other way round. None for what no database can have. */
export function namesInDatabases({ path }: Pick<Change, 'path'>): string[] {
  const key = pathBytes(path).toString('latin1');
  if (key.length > maxPathBytes || key.includes('\n')) return [];
  const other = otherName(key);
  return other === undefined ? [key] : [key, other];
}

function otherName(path: string): string | undefined {
  const [first = '', second = ''] = path.split('/', 2);
  if (first === 'usr' && mergedDirectories.includes(second)) return path.slice('usr/'.length);
  return mergedDirectories.includes(first) ? `usr/${path}` : undefined;
}

async function askAll(session: NodeSession, paths: readonly string[], asked: readonly Asked[], signal: AbortSignal): Promise<readonly Unread[]> {
  const texts = asked.filter(({ claims }) => claims.manager !== 'rpm');
  const unread = texts.length === 0 ? [] : [...(await ask(session, paths, texts, signal))];
  const wanted = new WantedPaths(paths);
  for (const { group, claims } of asked) {
    const detail = claims.manager === 'rpm' ? await askRpm(session, wanted, { group, claims }, signal) : undefined;
    if (detail !== undefined) unread.push({ group, detail });
  }
  return unread;
}

/** What keeps us from one database and says nothing of the others. */
const ofOneDatabase: ReadonlySet<string> = new Set(['command-failed', 'limit-exceeded', 'transfer-truncated']);

/** Says why the database could not be read, or not to its end. */
async function askRpm(session: NodeSession, wanted: WantedPaths, { group, claims }: Asked, signal: AbortSignal): Promise<string | undefined> {
  try {
    await readRpmDatabase(await fetchDatabase(session, group, signal), wanted, claims);
    return undefined;
  } catch (error) {
    if (error instanceof TriageError && ofOneDatabase.has(error.code)) return error.message;
    throw error;
  }
}

async function ask(session: NodeSession, paths: readonly string[], asked: readonly Asked[], signal: AbortSignal): Promise<readonly Unread[]> {
  const { argv, stdin } = selecting(
    paths,
    asked.map(({ group }) => group),
  );
  const command = nodeCommand('package-databases', argv, { stdin, maxBytes: 512 * 1024 * 1024, timeoutMs: 10 * 60_000 });
  const answer = new DatabaseAnswer(asked);
  const running = await session.start(command, signal);
  const { outcome, truncated } = await whileRunning(running, answer.read(running.stdout));
  if (outcome.exitCode === notSafe || outcome.stderr.startsWith('unshare:')) {
    throw new TriageError('tool-missing', `node ${session.node.name} cannot read package databases in a private namespace: ${outcome.stderr}`);
  }
  checkExit(command, session.node.name, outcome);
  if (truncated !== undefined) throw truncated;
  return answer.unread;
}
