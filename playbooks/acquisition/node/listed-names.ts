import type { NodeCommand, NodeSession } from '../../ports.js';
import { checkExit, collect, nameList, nodeCommand } from './node-command.js';
import { byBestReading, checkEntered, insideTree } from './safe-tree.js';

/** xargs ends with 123 when a command of its ended with 1 to 125: here, when a name does not exist or cannot be read, which is an answer. */
export const someMissing = 123;

/** The end of an argv of GNU tar that archives just the names on stdin: options before `-T`, or they have no effect. */
export const tarOfNames: readonly string[] = ['--no-recursion', '--null', '--verbatim-files-from', '-T', '-', '-cf', '-'];

/** The longest name that a tool can open (PATH_MAX, less the end mark and our `./`); what lies deeper can only be walked to. */
export const maxNameBytes = 4_093;

/**
 * Runs a tool inside a tree on names that it gets through `xargs`, and returns what it printed about those that are there. Names above
 * {@link maxNameBytes} are not in the answer. On a node that reads by two walks (safe-tree.ts) an answer can be about another file.
 */
export async function askAboutNames(
  session: NodeSession,
  name: string,
  root: string,
  tool: readonly string[],
  names: readonly Uint8Array[],
  bounds: Partial<Pick<NodeCommand, 'maxBytes' | 'timeoutMs'>>,
  signal: AbortSignal,
): Promise<Buffer> {
  const stdin = nameList(names.filter(({ length }) => length <= maxNameBytes));
  return byBestReading(session, async (reading) => {
    const command = nodeCommand(name, insideTree(root, ['xargs', '-0', '-r', ...tool], reading), { stdin, ...bounds });
    const { stdout, outcome } = await collect(session, command, signal);
    checkEntered(outcome, root, session.node.name);
    checkExit(command, session.node.name, outcome, [0, someMissing]);
    return stdout;
  });
}
