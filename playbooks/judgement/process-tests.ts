import { pathBytes } from '../domain/path-name.js';
import type { Process, Socket } from '../domain/process.js';
import type { Clause, Test } from './clause.js';
import { compileGlobs } from './glob.js';
import { lastName, type Subject } from './subject.js';

type ProcessTest = (process: Process) => boolean;

/** Tests of a clause over a process. */
export function processTests({ executable, filesystems, arguments: texts, commands, connected }: Clause): Test[] {
  const tests: ProcessTest[] = [];
  if (executable !== undefined) tests.push(({ executable: { state } }) => executable.includes(state));
  if (filesystems !== undefined) tests.push(({ executable: { filesystem } }) => filesystems.includes(filesystem ?? ''));
  if (commands !== undefined) tests.push(commandTest(compileGlobs(commands)));
  if (connected !== undefined) tests.push(({ sockets }) => sockets.some(isConnection));
  if (texts !== undefined) tests.push(argumentTest(texts.map((text) => text.toLowerCase())));
  return tests.map(
    (test) =>
      (subject: Subject): boolean =>
        subject.process !== undefined && test(subject.process),
  );
}

/** A login shell has a `-` before its name. */
function commandTest(expression: RegExp): ProcessTest {
  return ({ arguments: [first] }) => {
    const name = first === undefined ? '' : lastName(pathBytes(first).toString('latin1'));
    return expression.test(name.replace(/^-/, ''));
  };
}

const loopback = /^(?:127\.|\[::1\]|::ffff:127\.)/;

function isConnection({ protocol, state, remote }: Socket): boolean {
  return protocol.startsWith('tcp') && (state === 'ESTABLISHED' || state === 'SYN_SENT') && !loopback.test(remote);
}

function argumentTest(wanted: readonly string[]): ProcessTest {
  return ({ arguments: parts }) => parts.some((part) => holdsOne(pathBytes(part).toString('latin1').toLowerCase(), wanted));
}

function holdsOne(text: string, wanted: readonly string[]): boolean {
  return wanted.some((each) => text.includes(each));
}
