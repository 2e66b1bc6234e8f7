import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import type { Expected } from './lab.js';

const letters: Partial<Record<Change['type'], string>> = { file: 'f', directory: 'd', symlink: 'l', fifo: 'p' };

/** One line for each path: what it is, its mode, its content's hash, where it points. */
function lineOf(change: Change, artifacts: readonly Artifact[]): string {
  const artifact = artifacts.find(
    ({ source }) => source?.path.b64 === change.path.b64 && JSON.stringify(source.place) === JSON.stringify(change.place),
  );
  return [change.path.b64, change.kind, letters[change.type], change.mode ?? '', artifact?.sha256 ?? '', change.target?.b64 ?? ''].join(' ');
}

/** What a run found of the suspect's own doing in the root file system, to be compared with {@link plantedLines}. */
export function foundLines(changes: readonly Change[], artifacts: readonly Artifact[]): string[] {
  const own = changes.filter(({ origin, place }) => origin === 'container' && place.kind === 'rootfs');
  return own.map((change) => lineOf(change, artifacts)).sort();
}

/** The right answer. */
export function plantedLines({ changes }: Expected): string[] {
  return changes
    .map(({ path_b64, kind, type, mode, sha256, target_b64 }) => [path_b64, kind, type, mode ?? '', sha256 ?? '', target_b64 ?? ''].join(' '))
    .sort();
}
