import type { Change } from '../../domain/change.js';
import { type PackageDigest, type PackageFile, packageManagers } from '../../domain/package.js';
import type { PackageManager } from './database-files.js';
import { changedFiles, type Databases, namesInDatabases, type PackageKnowledge } from './package-knowledge.js';

/** What packages say of changed files, a row a file; none for a file that no package has. */
export function packageRows(changes: readonly Change[], knowledge: Pick<PackageKnowledge, 'image' | 'own' | 'links'>): PackageFile[] {
  return changedFiles(changes).flatMap((change) => rowOf(change, knowledge) ?? []);
}

function rowOf(change: Change, { image, own, links }: Pick<PackageKnowledge, 'image' | 'own' | 'links'>): PackageFile | undefined {
  const names = namesInDatabases(change).filter((name, index) => index === 0 || leadsThrough(name, change, links));
  const ofImage = firstOf(image, names);
  const ofOwn = firstOf(own, names, ofImage?.manager);
  const manager = (ofImage ?? ofOwn)?.manager;
  if (manager === undefined) return undefined;
  const isOther = ofOwn !== undefined && !isSame(ofOwn.digest, ofImage?.digest);
  const { container, containerId, instance, path } = change;
  return {
    container,
    containerId,
    ...(instance === undefined ? {} : { instance }),
    path,
    manager,
    ...(ofImage === undefined ? {} : { image: ofImage.digest }),
    ...(isOther ? { own: ofOwn.digest } : {}),
  };
}

/** Two names are one file's only where one of their directories is a link in the image. */
function leadsThrough(name: string, { path }: Change, links: ReadonlySet<string>): boolean {
  const real = Buffer.from(path.b64, 'base64').toString('latin1');
  return [name, real].some((each) => links.has(each.split('/', 2).join('/')) || links.has(each.split('/', 1).join('/')));
}

/** What the first database says that has one of the names. Only that of `manager` can have upgraded its package. */
function firstOf(
  databases: Databases,
  names: readonly string[],
  only?: PackageManager,
): { readonly manager: PackageManager; readonly digest: PackageDigest } | undefined {
  for (const manager of packageManagers) {
    if (only !== undefined && manager !== only) continue;
    for (const name of names) {
      const digest = databases.get(manager)?.at(name);
      if (digest !== undefined) return { manager, digest };
    }
  }
  return undefined;
}

function isSame(a: PackageDigest, b: PackageDigest | undefined): boolean {
  return a.algorithm === b?.algorithm && a.digest === b.digest;
}
