import { sha256Hex } from '../../playbooks/domain/custody.js';
import type { DetailOf } from '../../playbooks/domain/custody-details.js';
import { asTriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { CommandOutcome, NodeCommand, NodePort, NodeSession, RunningCommand } from '../../playbooks/ports.js';
import { type Call, elapsed, type Footprints } from './footprints.js';
import { Places } from './places.js';

type Intent = Omit<DetailOf<'command.started'>, keyof Call>;
type Outcome = Omit<DetailOf<'command.finished'>, keyof Call | 'name'>;

const maxArgument = 2_000;
const maxStderr = 500;

/**
 * Commands that one attempt may have on a node at a time; more wait, before their entry in custody. Times the node's slots (attempts at a
 * time, over all workers), this is what a node bears. A step that keeps as many commands open as this and then waits for another one
 * waits for ever.
 */
const commandsAtATime = 3;

/**
 * Puts each command on a node into custody: before it starts, and when it has ended. Made for one attempt at a step, whose end waits for
 * `footprints.settled`.
 * @param answered is called when a node has taken a command
 */
export function recordedNodes(nodes: NodePort, footprints: Footprints, answered: () => void): NodePort {
  const places = new Places(commandsAtATime);
  return {
    async connect(node, signal) {
      return recordedSession(await nodes.connect(node, signal), footprints, places, answered);
    },
  };
}

function recordedSession(session: NodeSession, footprints: Footprints, places: Places, answered: () => void): NodeSession {
  return {
    node: session.node,
    close: () => session.close(),
    async start(command, signal) {
      const release = await places.take(signal);
      try {
        const running = await recordedStart(session, command, footprints, signal);
        answered();
        running.finished.then(release, release);
        return running;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

async function recordedStart(session: NodeSession, command: NodeCommand, footprints: Footprints, signal: AbortSignal): Promise<RunningCommand> {
  const subject = session.node.name;
  const call = await footprints.begin((ids) => ({ act: 'command.started', subject, detail: { ...ids, ...intentOf(command, subject) } }));
  const end = (outcome: Outcome): Promise<void> =>
    footprints.end({ act: 'command.finished', subject, detail: { ...call, name: command.name, ...outcome } });
  const since = elapsed();
  const running = await session.start(command, signal).catch(async (error: unknown) => {
    await end({ error: asTriageError(error).code, durationMs: since() });
    throw error;
  });
  return recordedCommand(running, end, since);
}

function recordedCommand(running: RunningCommand, end: (outcome: Outcome) => Promise<void>, since: () => number): RunningCommand {
  const finished = running.finished.then(
    (outcome) => {
      // What the step does next on the node waits for it, and so does its end.
      end(outcomeOf(outcome)).catch(() => undefined);
      return outcome;
    },
    async (error: unknown) => {
      await end({ error: asTriageError(error).code, durationMs: since() });
      throw error;
    },
  );
  // A step that fails over the output may never look at the outcome; custody has it all the same.
  finished.catch(() => undefined);
  return { stdout: running.stdout, finished };
}

function intentOf({ name, argv, stdin, privileged }: NodeCommand, node: string): Intent {
  return {
    name,
    node,
    argv: argv.map((argument) => displayText(argument).slice(0, maxArgument)),
    privileged,
    ...(stdin === undefined ? {} : { stdin: { sha256: sha256Hex(stdin), bytes: stdin.length } }),
  };
}

function outcomeOf({ exitCode, stderr, stdoutBytes, durationMs }: CommandOutcome): Outcome {
  return { exitCode, stderr: { sha256: sha256Hex(stderr), first: stderr.slice(0, maxStderr) }, stdoutBytes, durationMs: Math.round(durationMs) };
}
