import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, TriageError } from '../../../playbooks/domain/error.js';
import type { NodeSession, StepContext } from '../../../playbooks/ports.js';
import { localNode } from '../../support/local-node.js';
import { keptRow, LogStand, podContainer, previous } from '../../support/log-stand.js';

const MiB = 1024 * 1024;

let stand: LogStand;

beforeEach(async () => {
  stand = await LogStand.open();
});

afterEach(() => {
  stand.close();
});

describe('the log of a container', () => {
  it('is kept as it is on the node, of all containers and instances by one command and without a name in it', async () => {
    const contents = ['web/1.log', 'web/2.log', 'helper/0.log'].map((path) => {
      const content = Buffer.from(`2026-11-26T11:30:00.0Z stdout F \x1b[2J${path} \xff\0\n`, 'latin1');
      stand.put(path, content);
      return content;
    });
    stand.put('other/0.log', 'of a container that was not asked about');
    const [one = '', two = '', helper = ''] = contents;
    await stand.read([podContainer({ restarts: 2 }), previous({ restarts: 2 }), podContainer({ name: 'helper' })]);
    expect(stand.kept).toEqual([
      keptRow('log of container helper', helper),
      keptRow('log of container web (previous instance)', one),
      keptRow('log of container web', two),
    ]);
    expect([stand.gaps, stand.limits]).toEqual([[], []]);
    expect(stand.commands.map(({ name }) => name)).toEqual(['read-logs']);
    expect(stand.commands[0]?.argv.join(' ')).not.toMatch(/shop_web|helper/);
    const { ino, dev } = statSync(stand.at('helper/0.log'));
    expect(stand.artifacts.find(({ name }) => name?.includes('helper'))?.identity).toMatchObject({ device: String(dev), inode: String(ino) });
  });

  it('of 64 MiB is kept to its last part, and that is said', async () => {
    const end = randomBytes(MiB);
    const file = stand.put('web/0.log', Buffer.alloc(63 * MiB, 'x'));
    writeFileSync(file, end, { flag: 'a' });
    await stand.read([podContainer()]);
    expect(stand.kept).toEqual([keptRow('log of container web', end)]);
    expect(stand.limits).toEqual([
      { subject: 'log of container web', reason: 'log-bytes', detail: `the last ${MiB} of ${64 * MiB} bytes were kept` },
    ]);
    expect(stand.gaps).toEqual([]);
  });

  it.each([1, 9, 10, 11])('of ten bytes is kept to its last %i', async (logBytes) => {
    stand.put('web/0.log', '0123456789');
    await stand.read([podContainer()], { logBytes });
    expect(stand.kept).toEqual([keptRow('log of container web', '0123456789'.slice(-logBytes))]);
    expect(stand.limits).toHaveLength(logBytes < 10 ? 1 : 0);
  });

  it('that is sparse and of any size is kept to its end', async () => {
    truncateSync(stand.put('web/0.log', ''), 2 ** 42);
    await stand.read([podContainer()], { logBytes: 1024 });
    expect(stand.kept).toEqual([keptRow('log of container web', Buffer.alloc(1024))]);
  });

  it('is kept when it is empty, and not looked for where no bytes are wanted', async () => {
    stand.put('web/0.log', '');
    await stand.read([podContainer()]);
    expect(stand.kept).toEqual([keptRow('log of container web', '')]);
    await stand.read([podContainer()], { logBytes: 0 });
    expect(stand.commands).toHaveLength(1);
  });

  it('of a static pod is found by the uid that kubelet has for it', async () => {
    mkdirSync(join(stand.podLogs, 'shop_web_5f2c', 'web'), { recursive: true });
    writeFileSync(join(stand.podLogs, 'shop_web_5f2c', 'web', '0.log'), 'static');
    await stand.read([podContainer()], { staticUid: '5f2c' });
    expect(stand.kept).toEqual([keptRow('log of container web', 'static')]);
  });

  it('that waits to be made anew is that of its old instance, by either number', async () => {
    stand.put('web/3.log', 'old');
    await stand.read([podContainer({ id: '', restarts: 3, state: 'waiting' }), previous({ restarts: 3 })]);
    expect(stand.kept).toEqual([keptRow('log of container web (previous instance)', 'old')]);
    expect(stand.gaps).toEqual([]);
  });
});

describe('what is left on the node', () => {
  it('of rotated logs and those of older instances is counted', async () => {
    stand.put('web/5.log', 'now');
    stand.put('web/4.log', 'then');
    for (const name of ['5.log.20261126-113000', '5.log.20261126-112000.gz', '3.log', '4.log.20261126-102000.gz']) stand.put(`web/${name}`, 'older');
    stand.put('webby/0.log', 'another');
    await stand.read([podContainer({ restarts: 5 })]);
    expect(stand.kept).toEqual([keptRow('log of container web (previous instance)', 'then'), keptRow('log of container web', 'now')]);
    const detail = '4 files of 20 bytes, rotated or of earlier instances, left on the node';
    expect(stand.limits).toEqual([{ subject: 'log of container web', reason: 'older-logs', detail }]);
    expect(stand.gaps).toEqual([]);
  });

  it('of an instance that was started since the pod’s status was read is a gap', async () => {
    stand.put('web/0.log', 'then');
    stand.put('web/1.log', 'now');
    await stand.read([podContainer()]);
    expect(stand.kept).toEqual([keptRow('log of container web', 'then')]);
    expect(stand.gaps).toMatchObject([{ subject: 'log of container web', reason: 'container-not-running' }]);
  });
});

describe('a log that is not there', () => {
  it('is a gap for an instance that the status names, and nothing for one that kubelet has long removed', async () => {
    stand.put('side/1.log', 'here');
    await stand.read([podContainer(), podContainer({ name: 'side', restarts: 1 }), podContainer({ name: 'never', id: '', state: 'waiting' })]);
    expect(stand.kept).toEqual([keptRow('log of container side', 'here')]);
    expect(stand.gaps).toMatchObject([
      { subject: 'log of container web', reason: 'no-log', detail: expect.stringContaining(`there is no web/0.log in ${stand.podLogs}`) as string },
    ]);
  });

  it('is a gap with the folder that is missing', async () => {
    await stand.read([podContainer()]);
    await stand.read([podContainer()], { containers: [{ ...stand.onNode(), podLogs: '/no/where' }] });
    const named = { subject: 'log of container web', reason: 'no-log' };
    expect(stand.gaps).toEqual([
      { ...named, detail: `there is no folder ${stand.podLogs}/shop_web_u-1 on node local` },
      { ...named, detail: 'there is no folder /no/where/shop_web_u-1 on node local' },
    ]);
  });
});

describe('where nothing names the folder of logs', () => {
  it('containerd is asked, once it is not where kubelet has it by default', async () => {
    stand.put('web/0.log', 'found');
    const [id, sandbox] = [podContainer().id, 'ef'.repeat(32)];
    const said = { 'sandbox-uid': 'u-1', 'sandbox-name': 'web', 'sandbox-namespace': 'shop', 'container-name': 'web', 'sandbox-id': sandbox };
    const info = (of: string, more: Readonly<Record<string, string>>): void => {
      const annotations = Object.fromEntries(Object.entries({ ...said, ...more }).map(([key, value]) => [`io.kubernetes.cri.${key}`, value]));
      const Spec = { root: { path: 'rootfs' }, annotations };
      writeFileSync(join(stand.folder, of), JSON.stringify({ ID: of, Snapshotter: 'overlayfs', SnapshotKey: of, Spec }));
    };
    info(id, {});
    info(sandbox, { 'sandbox-log-directory': join(stand.podLogs, 'shop_web_u-1') });
    const ctr = join(stand.folder, 'ctr');
    writeFileSync(ctr, '#!/bin/sh\n[ "$1 $2 $3 $4" = "-n k8s.io containers info" ] || exit 1\nexec cat "${0%/*}/$5"\n');
    chmodSync(ctr, 0o755);
    await stand.read([podContainer()], { containers: [], more: { ctr: [ctr] } });
    expect(stand.kept).toEqual([keptRow('log of container web', 'found')]);
    expect(stand.commands.map(({ name }) => name)).toEqual(['read-logs', 'ctr-info', 'ctr-info', 'read-logs']);
    expect(stand.gaps).toEqual([]);
  });

  it('and containerd does not know either, the gap names kubelet’s default', async () => {
    await stand.read([podContainer()], { containers: [] });
    expect(stand.gaps).toMatchObject([{ reason: 'no-log', detail: expect.stringContaining('/var/log/pods/shop_web_u-1') as string }]);
  });
});

describe('a failure', () => {
  const failing = (code: ErrorCode): Partial<StepContext> => {
    const session: NodeSession = { ...localNode(), start: () => Promise.reject(new TriageError(code, 'as the test wants')) };
    return { nodes: { connect: () => Promise.resolve(session) } };
  };

  it.each(['timeout', 'command-failed', 'tool-missing'] as const)('of the reading alone is a gap for each log: %s', async (code) => {
    await stand.read([podContainer({ restarts: 1 }), previous({ restarts: 1 })], { more: failing(code) });
    expect(stand.gaps).toMatchObject([
      { subject: 'log of container web', reason: code },
      { subject: 'log of container web (previous instance)', reason: code },
    ]);
  });

  it.each(['node-unreachable', 'permission-denied', 'cancelled'] as const)('of the node is the step’s own: %s', async (code) => {
    await expect(stand.read([podContainer()], { more: failing(code) })).rejects.toMatchObject({ code });
  });

  it('of the evidence store is the step’s own, and the command does not wait for its reader', async () => {
    stand.put('web/0.log', Buffer.alloc(8 * MiB));
    const evidence = { ...stand.evidence, stage: () => Promise.reject(new TriageError('store-full', 'full')) };
    await expect(stand.read([podContainer()], { logBytes: 8 * MiB, more: { evidence } })).rejects.toMatchObject({ code: 'store-full' });
  });
});
