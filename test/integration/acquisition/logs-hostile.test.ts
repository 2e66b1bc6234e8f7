import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptRow, LogStand, podContainer } from '../../support/log-stand.js';
import { oldMount } from '../../support/old-mount.js';
import { sha256Of, until } from '../../support/wait.js';

let stand: LogStand;

beforeEach(async () => {
  stand = await LogStand.open();
});

afterEach(() => {
  stand.close();
});

function run(...argv: string[]): void {
  const [program = '', ...args] = argv;
  execFileSync(program, args);
}

describe('what a pod that writes to the folder of logs puts there', () => {
  const secret = 'root of the node alone reads this';

  const plants: readonly (readonly [string, string, () => void])[] = [
    ['a symlink', 'symlink', () => symlinkSync(join(stand.folder, '0.log'), stand.at('web/0.log'))],
    ['a FIFO', 'FIFO', () => run('mkfifo', stand.at('web/0.log'))],
    ['a device', 'device', () => run('mknod', stand.at('web/0.log'), 'c', '1', '5')],
    ['a directory', 'directory', () => run('mkdir', stand.at('web/0.log'))],
    [
      'a symlink in place of the folder',
      'symlink',
      () => {
        rmSync(stand.at('web'), { recursive: true });
        symlinkSync(stand.folder, stand.at('web'));
      },
    ],
  ];

  describe.each([
    ['a node that can read without following', () => ({})],
    ['a node whose mount refuses that', () => oldMount(stand.folder, 'refuses')],
    ['a node whose kernel does nothing by it', () => oldMount(stand.folder, 'ignores')],
  ] as const)('on %s', (_node, env) => {
    it.each(plants)('%s is a gap, neither followed nor waited for, and the others are kept', async (_what, kind, plant) => {
      writeFileSync(join(stand.folder, '0.log'), secret);
      stand.put('side/0.log', 'plain');
      mkdirSync(stand.at('web'));
      plant();
      await stand.read([podContainer(), podContainer({ name: 'side' })], { env: env() });
      expect(stand.kept).toEqual([keptRow('log of container side', 'plain')]);
      expect(stand.gaps).toMatchObject([
        { subject: 'log of container web', reason: 'not-a-file', detail: expect.stringContaining(`is a ${kind}`) as string },
      ]);
      expect(await stand.evidence.has(sha256Of(Buffer.from(secret)))).toBe(false);
    });
  });

  it('a symlink in place of the pod’s own folder is a gap', async () => {
    stand.put('web/0.log', 'of another pod');
    renameSync(stand.at(''), join(stand.podLogs, 'shop_other_u-2'));
    symlinkSync('shop_other_u-2', stand.at(''));
    await stand.read([podContainer()]);
    expect(stand.kept).toEqual([]);
    expect(stand.gaps).toMatchObject([{ reason: 'not-a-file', detail: expect.stringContaining('is a symlink') as string }]);
  });

  it('is counted up to a bound, whatever its names are', async () => {
    stand.put('web/0.log', 'plain');
    run('sh', '-c', 'cd "$1" && seq 1 9000 | sed "s/.*/0.log.&-$2/" | xargs touch', 'sh', stand.at('web'), 'x'.repeat(200));
    stand.put('web/0.log.\n1\t2', 'odd');
    await stand.read([podContainer()]);
    expect(stand.kept).toEqual([keptRow('log of container web', 'plain')]);
    expect(stand.limits).toMatchObject([{ reason: 'older-logs', detail: expect.stringMatching(/^at least \d{4} files/) as string }]);
  });
});

describe('a log that is changed after it was looked at', () => {
  /** A node whose dd waits, so many times, until the test has done something to the file. */
  function slowDd(times: number): Record<string, string> {
    const bin = join(stand.folder, 'bin');
    mkdirSync(bin);
    const real = execFileSync('sh', ['-c', 'command -v dd'], { encoding: 'utf8' }).trim();
    const count = 'n=$(cat "$0.n" 2>/dev/null || echo 0)';
    const wait = 'n=$((n + 1)); echo "$n" >"$0.n"; touch "$0.at.$n"; until [ -e "$0.go.$n" ]; do sleep 0.01; done';
    writeFileSync(join(bin, 'dd'), `#!/bin/sh\n${count}\n[ "$n" -ge ${times} ] || { ${wait}; }\nexec ${real} "$@"\n`);
    chmodSync(join(bin, 'dd'), 0o755);
    return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  }

  async function meanwhile(times: number, change: (round: number) => void): Promise<void> {
    for (let round = 1; round <= times; round += 1) {
      await until(() => existsSync(join(stand.folder, 'bin', `dd.at.${round}`)));
      change(round);
      writeFileSync(join(stand.folder, 'bin', `dd.go.${round}`), '');
    }
  }

  const rotate = (round: number): void => {
    renameSync(stand.at('web/0.log'), stand.at(`web/0.log.${round}`));
    stand.put('web/0.log', `new ${round}`);
  };

  it('by a rotation is read once more', async () => {
    stand.put('web/0.log', 'a long log that is rotated');
    await Promise.all([stand.read([podContainer()], { env: slowDd(1) }), meanwhile(1, rotate)]);
    expect(stand.kept).toEqual([keptRow('log of container web', 'new 1')]);
    expect(stand.gaps).toEqual([]);
    expect(stand.limits).toMatchObject([{ reason: 'older-logs' }]);
  });

  it('each time, is kept as what it is', async () => {
    stand.put('web/0.log', 'a long log that is rotated');
    await Promise.all([stand.read([podContainer()], { env: slowDd(2) }), meanwhile(2, rotate)]);
    expect(stand.artifacts).toMatchObject([{ name: 'log of container web', unstable: true }]);
    expect(stand.gaps).toMatchObject([{ subject: 'log of container web', reason: 'unstable' }]);
  });

  it('by a line more is kept as it was', async () => {
    const file = stand.put('web/0.log', 'before\n');
    const grow = (): void => writeFileSync(file, 'after\n', { flag: 'a' });
    await Promise.all([stand.read([podContainer()], { env: slowDd(1), logBytes: 5 }), meanwhile(1, grow)]);
    expect(stand.kept).toEqual([keptRow('log of container web', 'fore\n')]);
    expect(stand.gaps).toEqual([]);
  });

  it.each([
    ['a symlink', () => symlinkSync(join(stand.folder, '0.log'), stand.at('web/0.log'))],
    ['a FIFO', () => run('mkfifo', stand.at('web/0.log'))],
    ['a device', () => run('mknod', stand.at('web/0.log'), 'c', '1', '5')],
  ])('to %s is neither followed nor waited for', async (_what, plant) => {
    writeFileSync(join(stand.folder, '0.log'), 'root of the node alone reads this');
    stand.put('web/0.log', 'a log');
    const swap = (): void => {
      rmSync(stand.at('web/0.log'));
      plant();
    };
    await Promise.all([stand.read([podContainer()], { env: slowDd(1) }), meanwhile(1, swap)]);
    expect(stand.kept).toEqual([]);
    // What takes its place can have the same inode number.
    const reason = expect.stringMatching(/^(not-a-file|could-not-read)$/) as string;
    expect(stand.gaps).toMatchObject([{ subject: 'log of container web', reason }]);
  });
});
