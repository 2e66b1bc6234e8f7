import type { packageManagers } from '../../domain/package.js';

export type PackageManager = (typeof packageManagers)[number];

/** A file of a package database that is read. */
export interface DatabaseFile {
  /** Relative to the root, as both parts say it: nothing in them but what names of packages may have. */
  readonly directory: string;
  readonly name: string;
  readonly size: number;
}

/** Where dpkg (dpkg(1)) and images made without it (distroless) keep a file or two for each package. */
export const packageDirectories = ['var/lib/dpkg/info', 'var/lib/dpkg/status.d'] as const;

const dpkgStatus = 'var/lib/dpkg/status';

/** Where apk keeps its one file (apk-tools, `apk_database`); the second since version 3. */
export const apkDirectories: ReadonlySet<string> = new Set(['lib/apk/db', 'usr/lib/apk/db']);

/** Where rpm keeps its database, the second in newer systems; one of the two may be a link to the other. */
export const rpmDirectories: ReadonlySet<string> = new Set(['var/lib/rpm', 'usr/lib/sysimage/rpm']);

/**
 * Files of rpm's databases: in SQLite (rpm 4.16 and later), with what its log and its journal hold of changes that are not in it yet, and in
 * formats that are not read (Berkeley DB, ndb).
 */
const rpmFiles: Readonly<Record<string, 'rpm' | 'rpm-unsettled' | 'rpm-other'>> = {
  'rpmdb.sqlite': 'rpm',
  'rpmdb.sqlite-wal': 'rpm-unsettled',
  'rpmdb.sqlite-journal': 'rpm-unsettled',
  Packages: 'rpm-other',
  'Packages.db': 'rpm-other',
};

/** Single files of databases. */
export const databasePaths: readonly string[] = [
  dpkgStatus,
  ...Array.from(apkDirectories, (directory) => `${directory}/installed`),
  ...[...rpmDirectories].flatMap((directory) => Object.keys(rpmFiles).map((name) => `${directory}/${name}`)),
];

/** Directories of the root that are links into usr, or out of it, where both were merged into one. */
export const mergedDirectories: readonly string[] = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** Names of packages (deb-control(5)), with an architecture. Others are no package's, and might be anything. */
const safeName = /^[A-Za-z0-9][A-Za-z0-9+.:~_-]{0,199}$/;

/** What a path of a root is to the package databases. `odd`: it has the place of a package's file, and no package's name. */
export function roleOf(path: string): 'dpkg' | 'apk' | 'rpm' | 'rpm-unsettled' | 'rpm-other' | 'odd' | undefined {
  const slash = path.lastIndexOf('/');
  const [directory, name] = [path.slice(0, slash), path.slice(slash + 1)];
  if (path === dpkgStatus) return 'dpkg';
  if (apkDirectories.has(directory)) return name === 'installed' ? 'apk' : undefined;
  if (rpmDirectories.has(directory)) return Object.hasOwn(rpmFiles, name) ? rpmFiles[name] : undefined;
  const isPackages = directory === 'var/lib/dpkg/status.d' || (directory === 'var/lib/dpkg/info' && name.endsWith('.md5sums'));
  if (!isPackages) return undefined;
  return safeName.test(name) ? 'dpkg' : 'odd';
}

/** Whose database lies in a directory. */
export function managerOf(directory: string): PackageManager {
  if (rpmDirectories.has(directory)) return 'rpm';
  return apkDirectories.has(directory) ? 'apk' : 'dpkg';
}

/** Takes a path for which {@link roleOf} names a package manager apart. */
export function databaseFile(path: string, size: number): DatabaseFile {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1), size };
}
