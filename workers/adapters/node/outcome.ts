import { TriageError } from '../../../playbooks/domain/error.js';
import type { CommandOutcome, NodeCommand } from '../../../playbooks/ports.js';

/** How a command ended, as ssh reported it. */
export interface Ending {
  readonly command: NodeCommand;
  readonly node: string;
  readonly user: string;
  readonly sudo: boolean;
  /** A signal's name, e.g. `SIGKILL`. */
  readonly signal: string | undefined;
  readonly outcome: CommandOutcome;
}

/** sudo's own refusals (sudo 1.8 to 1.9, LC_ALL=C). The suspect has no say in them: they come before any command runs, so there is no output. */
const sudoRefusals: readonly [pattern: RegExp, meaning: string][] = [
  [/^sudo: .*(password is required|terminal is required|no tty present|must have a tty)/m, 'wants a password or a terminal'],
  [/is not in the sudoers file|may not run sudo/m, 'does not know this user'],
  [/is not allowed to (execute|run)/m, 'does not allow this command'],
];

/** The error that an ending stands for, or undefined when it is an exit status for the caller to judge. */
export function endingError(ending: Ending): TriageError | undefined {
  return sudoError(ending) ?? missingTool(ending) ?? timeoutError(ending);
}

function sudoError({ sudo, outcome, user, node }: Ending): TriageError | undefined {
  if (!sudo || outcome.exitCode !== 1 || outcome.stdoutBytes > 0) return undefined;
  const meaning = sudoRefusals.find(([pattern]) => pattern.test(outcome.stderr))?.[1];
  if (meaning === undefined) return undefined;
  return new TriageError(
    'permission-denied',
    `sudo on node ${node} ${meaning}: allow user "${user}" to run podtriage's commands without a password (NOPASSWD in sudoers) (${outcome.stderr})`,
  );
}

function missingTool({ sudo, command, node, outcome }: Ending): TriageError | undefined {
  const bySudo = sudo && outcome.exitCode === 1 && outcome.stdoutBytes === 0 && /^sudo: .*: command not found/m.test(outcome.stderr);
  if (outcome.exitCode !== 127 && !bySudo) return undefined;
  return new TriageError(
    'tool-missing',
    `${command.name} needs a program that node ${node} does not have, or not in its PATH: ${outcome.stderr || (command.argv[0] ?? '')}`,
  );
}

/** The exit status alone is not enough: xargs says 124 as well, and 137 may be the kernel's doing. */
function timeoutError({ command, node, outcome, signal }: Ending): TriageError | undefined {
  const killed = outcome.exitCode === 124 || outcome.exitCode === 137 || signal === 'SIGKILL' || signal === 'SIGTERM';
  return killed && outcome.durationMs >= command.timeoutMs ? timedOut(command, node) : undefined;
}

/** The error of a command that took too long. */
export function timedOut(command: NodeCommand, node: string): TriageError {
  return new TriageError('timeout', `${command.name} on node ${node} took longer than ${Math.ceil(command.timeoutMs / 1000)} s and was stopped`);
}
