import { expect, test } from 'vitest';
import type { NodeCommand } from '../../../playbooks/ports.js';
import { remoteLine, usesSudo } from '../../../workers/adapters/node/remote-line.js';
import type { SshConfig } from '../../../workers/adapters/node/ssh-config.js';

const config: SshConfig = {
  user: 'triage',
  port: 22,
  login: { privateKeyFile: '/key' },
  knownHosts: '/known',
  sudo: ['sudo', '-n'],
  connectTimeoutMs: 1,
  keepaliveMs: 1,
};
const command: NodeCommand = { name: 'list', argv: ['find', "it's"], privileged: true, timeoutMs: 1_001, maxBytes: 1 };

test('a privileged command of a plain user gives way before it runs under sudo, and its time limit stands inside of it', () => {
  expect(remoteLine(command, config).run).toMatch(
    /^\{ [^']*; exec 'nice' '-n' '19' 'sudo' '-n' 'env' 'LC_ALL=C' 'PODTRIAGE_COMMAND=[0-9a-f-]{36}' 'timeout' '-k' '5' '2' 'sh' '-c' '[^']*' 'podtriage' 'find' 'it'\\''s'$/,
  );
});

test('root, and a command that needs no privilege, do without', () => {
  expect(usesSudo(command, { ...config, user: 'root' })).toBe(false);
  expect(usesSudo({ ...command, privileged: false }, config)).toBe(false);
  expect(usesSudo(command, { ...config, sudo: [] })).toBe(false);
  expect(remoteLine(command, { ...config, user: 'root' }).run).toMatch(/; exec 'nice' '-n' '19' 'env' /);
});

test('each command has a mark of its own, which its stop line looks for', () => {
  const [one, two] = [remoteLine(command, config), remoteLine(command, config)];
  const mark = /PODTRIAGE_COMMAND=([0-9a-f-]+)/.exec(one.run)?.[1];
  expect(one.stop).toContain(`'${mark!}'`);
  expect(two.run).not.toContain(mark);
});

test('a line that the kernel would not take is refused', () => {
  expect(() => remoteLine({ ...command, argv: ['x'.repeat(140_000)] }, config)).toThrow(
    expect.objectContaining({ code: 'invalid-request' }) as Error,
  );
});
