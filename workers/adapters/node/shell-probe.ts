import type { ClientChannel } from 'ssh2';
import { TriageError } from '../../../playbooks/domain/error.js';
import { displayText } from '../../../playbooks/domain/path-name.js';
import type { NodeRef } from '../../../playbooks/ports.js';
import { loginLine } from './remote-line.js';

/** Everything that some shell treats in its own way, between single quotes too (csh: `!` and newlines; fish: backslashes). */
const sample = `'"\\ \\' \\\\ $HOME \`id\` !! !1 *?[a] ~ #;&|<>(){}=%^,\t\n \\n é ''`;
const maxBytes = 4096;

/** The remote line whose answer {@link assertShell} checks: made like that of each command, so that a shell which refuses one refuses it. */
export const probeLine = loginLine(['printf', '%s', sample]);

/** Throws `shell-unsupported` unless the login shell gave our words to the command just as they were. */
export async function assertShell(channel: ClientChannel, node: NodeRef, timeoutMs: number): Promise<void> {
  const answer = await collect(channel, timeoutMs);
  if (answer === undefined)
    throw new TriageError('node-unreachable', `node ${node.name} lets users in but does not run a command in ${timeoutMs} ms`);
  if (answer.equals(Buffer.from(sample))) return;
  throw new TriageError(
    'shell-unsupported',
    `the login shell on node ${node.name} is not one of the POSIX family, is locked, or prints something of its own at login: ` +
      `give the user /bin/sh and no output from its start files (it answered: ${displayText(answer.subarray(0, 200))})`,
  );
}

/** What the command printed, or undefined when it did not end in time. */
function collect(channel: ClientChannel, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      channel.close();
      resolve(undefined);
    }, timeoutMs);
    channel.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
    });
    channel.stderr.resume();
    channel.on('error', () => undefined);
    channel.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
    channel.end();
  });
}
