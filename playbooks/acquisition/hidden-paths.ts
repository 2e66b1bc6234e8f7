import type { NodeSession } from '../ports.js';
import { fewAtATime } from './few-at-a-time.js';
import { askAboutNames } from './listed-names.js';
import { splitNul, withoutDot } from './node-command.js';

/** find takes its starting points before its tests, xargs puts names last: the shell, which sees them only as parameters, turns them round. */
const findBelow = 'exec find -P "$@" -xdev -mindepth 1 -ignore_readdir_race -printf "%p\\\\0"';

/** Every path that any of the layers has below one of `directories`, whether visible or not; without double ones. */
export async function hiddenPaths(
  session: NodeSession,
  layers: readonly string[],
  directories: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Buffer[]> {
  const answers = await fewAtATime(layers, (layer) => pathsBelow(session, layer, directories, signal));
  const found = new Map(answers.flat().map((path) => [path.toString('latin1'), path]));
  return [...found.values()];
}

async function pathsBelow(session: NodeSession, layer: string, directories: readonly Uint8Array[], signal: AbortSignal): Promise<Buffer[]> {
  const stdout = await askAboutNames(session, 'hidden-paths', layer, ['sh', '-c', findBelow, 'podtriage'], directories, {}, signal);
  return splitNul(stdout, 'hidden paths').map(withoutDot);
}
