import { expect } from 'vitest';
import type { Process } from '../../playbooks/domain/process.js';
import { type Case, directory, file, type Seen, taken, word } from './case.js';
import { sleeper, writeSleeper } from './program.js';

const start = (command: string) => `${command} >/dev/null 2>&1 & sleep 0.1`;
const program = (path: string, text: string) => file('added', path, sleeper(text), { mode: '0755' });

function running(seen: Seen, text: string): Process {
  const found = seen.processes.filter(({ executable }) => executable.sha256 === taken(sleeper(text)));
  expect(found.map(({ executable }) => executable.path.text)).toHaveLength(1);
  return found[0]!;
}

/** The content was acquired, under the process that ran it. */
function acquired(seen: Seen, { pid }: Process, text: string): void {
  const artifacts = seen.artifacts.filter(
    ({ kind, source }) => kind === 'process-executable' && source?.place.kind === 'process' && source.place.pid === pid,
  );
  expect(artifacts.map(({ sha256, size, left }) => ({ sha256, size, left }))).toEqual([
    { sha256: taken(sleeper(text)), size: 1024, left: undefined },
  ]);
}

/** Programs that run and are on no file system any more, and processes that lie about themselves. */
export const processes: readonly Case[] = [
  {
    name: 'a program that is still there',
    plant: `${writeSleeper('x', 'present')}; ${start('./x')}`,
    rows: [program('x', 'present')],
    check: (seen, { dir }) => {
      expect(running(seen, 'present').executable).toMatchObject({ state: 'present', path: { text: `/${dir}/x` }, size: 1024 });
    },
  },
  {
    name: 'deleted while it runs',
    plant: `${writeSleeper('x', 'deleted')}; ${start('./x')}; rm x`,
    rows: [],
    check: (seen, { dir }) => {
      const process = running(seen, 'deleted');
      expect(process.executable).toMatchObject({ state: 'deleted', path: { text: `/${dir}/x` } });
      acquired(seen, process, 'deleted');
    },
  },
  {
    name: 'replaced while it runs',
    plant: `${writeSleeper('x', 'replaced')}; ${start('./x')}; ${writeSleeper('y', 'harmless')}; mv y x`,
    rows: [program('x', 'harmless')],
    check: (seen) => {
      const process = running(seen, 'replaced');
      expect(process.executable.state).toBe('deleted');
      acquired(seen, process, 'replaced');
    },
  },
  {
    name: 'in memory alone',
    plant: `${writeSleeper('x', 'memfd')}; ${start('hostile memfd x')}; rm x`,
    rows: [],
    check: (seen) => {
      const process = running(seen, 'memfd');
      expect(process.executable.state).toBe('memfd');
      expect(process.arguments.map(({ text }) => text)).toEqual(['[kworker/0:1]']);
      expect(process.environment.map(({ text }) => text)).toEqual(['WALLET']);
      acquired(seen, process, 'memfd');
    },
  },
  {
    name: 'values of the environment are not taken',
    plant: `${writeSleeper('x', 'environment')}; ${start('WALLET=value-of-the-environment ./x')}`,
    rows: [program('x', 'environment')],
    check: (seen) => {
      expect(running(seen, 'environment').environment.map(({ text }) => text)).toContain('WALLET');
      expect(JSON.stringify(seen.processes)).not.toContain('value-of-the-environment');
    },
  },
  {
    name: 'a program whose name says that it was deleted',
    plant: `${writeSleeper("'x (deleted)'", 'liar')}; ${start("'./x (deleted)'")}`,
    rows: [program('x (deleted)', 'liar')],
    check: (seen, { dir }) => {
      expect(running(seen, 'liar').executable).toMatchObject({ state: 'present', path: { text: `/${dir}/x (deleted)` } });
    },
  },
  {
    name: 'a name that breaks /proc/PID/stat',
    plant: `${writeSleeper("'a) R 1 1 ('", 'stat')}; ${start("'./a) R 1 1 ('")}`,
    rows: [program('a) R 1 1 (', 'stat')],
    check: (seen) => {
      const process = running(seen, 'stat');
      expect(process.name.text).toBe('a) R 1 1 (');
      expect(process.parent).not.toBe(1);
    },
  },
  {
    name: 'a name that breaks lines',
    plant: `${writeSleeper(`./${word('x\nPid:\t1\n')}`, 'lines')}; ${start(`./${word('x\nPid:\t1\n')}`)}`,
    rows: [program('x\nPid:\t1\n', 'lines')],
    check: (seen, { dir }) => {
      expect(running(seen, 'lines').executable).toMatchObject({ state: 'present', path: { text: `/${dir}/x\\x0aPid:\\x091\\x0a` } });
    },
  },
  {
    name: 'arguments that break terminals, and empty ones',
    plant: `${writeSleeper('x', 'arguments')}; ${start("./x '' $'a\\nb' $'\\033[2J' $'\\377'")}`,
    rows: [program('x', 'arguments')],
    check: (seen) => {
      expect(running(seen, 'arguments').arguments.map(({ text }) => text)).toEqual(['./x', '', 'a\\x0ab', '\\x1b[2J', '\\xff']);
    },
  },
  {
    name: 'arguments longer than what is kept',
    plant: `${writeSleeper('x', 'long')}; ${start('./x $(head -c 20000 /dev/zero | tr "\\0" a)')}`,
    rows: [program('x', 'long')],
    check: (seen) => {
      const process = running(seen, 'long');
      expect(process.argumentsCut).toBe(true);
      expect(process.arguments.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(4096);
    },
  },
  {
    name: 'from /dev/shm, deleted since',
    plant: `${writeSleeper('/dev/shm/x', 'shm')}; ${start('/dev/shm/x')}; rm /dev/shm/x`,
    rows: [],
    check: (seen) => {
      acquired(seen, running(seen, 'shm'), 'shm');
    },
  },
  {
    name: 'from /dev, deleted since',
    plant: `${writeSleeper('/dev/x', 'dev')}; ${start('/dev/x')}; rm /dev/x`,
    rows: [],
    check: (seen) => {
      acquired(seen, running(seen, 'dev'), 'dev');
    },
  },
  {
    name: 'in a root of its own (chroot)',
    only: 'node-a',
    plant: `mkdir jail; ${writeSleeper('jail/x', 'chroot')}; ${start('chroot jail /x')}`,
    rows: [directory('added', 'jail'), program('jail/x', 'chroot')],
    check: (seen) => {
      expect(running(seen, 'chroot').executable.state).toBe('present');
    },
  },
  {
    name: 'as another user',
    plant: `${writeSleeper('x', 'user')}; ${start('hostile as 1234 ./x')}`,
    rows: [program('x', 'user')],
    check: (seen) => {
      expect(running(seen, 'user').uid).toBe(1234);
    },
  },
  {
    name: 'with a socket that listens',
    plant: start('nc -l -p 31337 127.0.0.1'),
    rows: [],
    check: ({ processes: all }) => {
      const sockets = all.flatMap((process) => process.sockets);
      expect(sockets.some(({ protocol, local }) => protocol.startsWith('tcp') && local.endsWith(':31337'))).toBe(true);
    },
  },
];
