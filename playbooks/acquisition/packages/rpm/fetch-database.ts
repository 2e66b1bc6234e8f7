import { TriageError } from '../../../domain/error.js';
import type { NodeSession } from '../../../ports.js';
import { checkExit, nodeCommand, whileRunning } from '../../node/node-command.js';
import { checkEntered, walkingTree } from '../../node/safe-tree.js';
import { readTar, type TarEntry } from '../../tar/tar-reader.js';
import type { FileGroup } from '../database-script.js';

/** Databases of rpm are in this process's memory while they are read. */
export const maxRpmBytes = 192 * 1024 * 1024;

/** Exit statuses: the directory is not where it was or is reached through a link, and the file changed while tar read it. */
const lost = 95;
const changed = 94;

/**
 * Enters a directory of the tree by one name at a time, as database-script.ts does, and looks where it stands: safe on nodes that follow links,
 * too. Words are ours alone.
 */
const script = `
at=$(pwd -P)
IFS=/
for part in $1; do
  cd -P "./$part" 2>/dev/null && at=$at/$part && [ "$(pwd -P)" = "$at" ] || exit ${lost}
done
[ -f "./$2" ] && [ ! -h "./$2" ] || exit ${lost}
tar --format=gnu --no-recursion -cf - "./$2" || exit ${changed}
`;

const words: Readonly<Record<number, string>> = {
  [lost]: 'the database is not where it was, or is reached through a link',
  [changed]: 'the database changed while it was read, or could not be read',
};

/**
 * Brings a database here as a whole: its pages make sense only together.
 * @param group of one file, at most {@link maxRpmBytes} when it was listed
 * @throws TriageError `command-failed` and `transfer-truncated` for what did not come whole, `limit-exceeded` for what has grown, `pod-gone`,
 * `tool-missing`
 */
export async function fetchDatabase(session: NodeSession, { tree, directory, files }: FileGroup, signal: AbortSignal): Promise<Buffer> {
  const argv = ['sh', '-c', script, 'podtriage', directory, files[0]?.name ?? ''];
  // Not `nosymfollow`, which old nodes do not have: the script is safe without.
  const command = nodeCommand('rpm-database', walkingTree(tree, argv, 'two-walks'), {
    maxBytes: maxRpmBytes + 1024 * 1024,
    timeoutMs: 20 * 60_000,
  });
  const running = await session.start(command, signal);
  let bytes: Buffer | undefined;
  const parsing = (async () => {
    for await (const entry of readTar(running.stdout)) bytes = await contentOf(entry);
  })();
  const { outcome, truncated } = await whileRunning(running, parsing);
  checkEntered(outcome, tree, session.node.name);
  const said = words[outcome.exitCode ?? 0];
  if (said !== undefined) throw new TriageError('command-failed', said);
  checkExit(command, session.node.name, outcome);
  if (truncated !== undefined) throw truncated;
  if (bytes === undefined) throw new TriageError('transfer-truncated', 'the database did not come');
  return bytes;
}

async function contentOf({ type, size, body }: TarEntry): Promise<Buffer> {
  if (type !== 'file') throw new TriageError('command-failed', `the database is no file but a ${type}`);
  if (size > maxRpmBytes) throw new TriageError('limit-exceeded', `the database has grown to ${size} bytes`);
  const content = Buffer.alloc(size);
  let filled = 0;
  for await (const part of body) {
    content.set(part, filled);
    filled += part.length;
  }
  return content;
}
