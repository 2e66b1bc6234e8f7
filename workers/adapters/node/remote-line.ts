import { randomUUID } from 'node:crypto';
import { quote } from '../../../playbooks/acquisition/node/quote.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { NodeCommand } from '../../../playbooks/ports.js';
import type { SshConfig } from './ssh-config.js';

/** The kernel's limit of one argument (MAX_ARG_STRLEN, execve(2)): sshd hands the whole line to the shell as one. */
const maxLineBytes = 128 * 1024 - 1;

/** A command as the login shell gets it. */
export interface RemoteLine {
  readonly run: string;
  /** Ends whatever `run` has started and is still there. */
  readonly stop: string;
}

/** Says whether the command goes through the privilege command. */
export function usesSudo(command: NodeCommand, config: SshConfig): boolean {
  return command.privileged && config.user !== 'root' && config.sudo.length > 0;
}

/**
 * Sends SIGTERM to all processes that carry the mark in their environment; `timeout` among them sends SIGKILL five seconds later to what
 * is left. sshd's own signals are no way to do it: it takes none for root's logins. Looks three times, as sudo may be slow to start.
 */
const stopScript = `
for try in 1 2 3; do
  found=$(grep -slF -- "PODTRIAGE_COMMAND=$1" /proc/[0-9]*/environ)
  for file in $found; do pid=\${file#/proc/}; kill -TERM "\${pid%/environ}"; done
  [ -z "$found" ] || exit 0
  sleep 1
done`;

/**
 * A kernel that shares out time by sessions (sched(7), "The autogroup feature") weighs a nice value against processes of the same session
 * alone, and sshd opens a session for each command: there it is the session that has to give way. It is known to the kernel only while it lasts.
 * Anybody may do it for his own, but all users of a node together ten times a second; root as often as he likes. Not 19: behind a suspect who
 * mines on all cores a run would take ten times as long, and a busy pod feels 10 no more than that.
 */
const gentleSession = '{ read -r session word level && [ "$level" = 10 ] || echo 10 >/proc/self/autogroup; } 2>/dev/null </proc/self/autogroup';

/** Before sudo as well: to open its session costs more than most commands. */
const gentle = ['nice', '-n', '19'];

/**
 * Gives way for the disk, too. Best effort at its lowest level, not the idle class: that one gets the disk only when nobody else wants it,
 * and behind a busy pod a command of ours would hold the suspect's tree until its time is up. Where ionice is missing (some distributions
 * pack it apart), the kernel takes the same level from the nice value (ionice(1), "none").
 */
const gentleScript = `${gentleSession}; command -v ionice >/dev/null && exec ionice -c 2 -n 7 "$@"; exec "$@"`;

/**
 * A program and its arguments as the login shell gets them. It gives way by that shell itself, as one more would be one more program to start:
 * shell-probe.ts sees to it that the shell can do this.
 */
export function loginLine(argv: readonly string[]): string {
  return `${gentleSession}; exec ${quote(argv)}`;
}

/**
 * Wraps a command for the node. `timeout` (coreutils) stands inside of sudo, where it may kill what it runs: nothing of ours stays
 * on the node longer, whatever becomes of us. Its exit status is 124, or 137 when it had to use SIGKILL.
 * Throws `invalid-request` when the line is longer than the kernel takes.
 */
export function remoteLine(command: NodeCommand, config: SshConfig): RemoteLine {
  const mark = randomUUID();
  const seconds = String(Math.max(1, Math.ceil(command.timeoutMs / 1000)));
  const privilege = usesSudo(command, config) ? config.sudo : [];
  const limit = ['env', 'LC_ALL=C', `PODTRIAGE_COMMAND=${mark}`, 'timeout', '-k', '5', seconds];
  const run = loginLine([...gentle, ...privilege, ...limit, 'sh', '-c', gentleScript, 'podtriage', ...command.argv]);
  if (Buffer.byteLength(run) > maxLineBytes) {
    throw new TriageError('invalid-request', `${command.name}: its command line is longer than 128 KiB; send names on stdin`);
  }
  return { run, stop: quote([...privilege, 'env', 'LC_ALL=C', 'sh', '-c', stopScript, 'sh', mark]) };
}
