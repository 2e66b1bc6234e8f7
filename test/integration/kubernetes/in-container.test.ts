import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { artifactsFromContainer } from '../../../playbooks/acquisition/taking/acquire-in-container.js';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { defaultPace, type Pace } from '../../../workers/adapters/kubernetes/archive-stream.js';
import { createClusters } from '../../../workers/adapters/kubernetes/clusters.js';
import { type LocalContext, localContext } from '../../support/step-context.js';
import { endMark, header, link, member, octal, padded } from '../../unit/acquisition/archives.js';
import { ApiDouble, type ExecSession, json, status } from './api-double.js';

const id = 'c'.repeat(64);
const target = { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'u1' };
const change = (path: string, more: Partial<Change> = {}): Change => ({
  container: 'web',
  containerId: id,
  place: { kind: 'rootfs' },
  path: pathName(Buffer.from(path)),
  kind: 'added',
  type: 'unknown',
  origin: 'container',
  method: 'nerdctl',
  ...more,
});
/** Sends an archive of these parts, in an order, and calls it a success. */
const sends =
  (...parts: Buffer[]) =>
  async (session: ExecSession) => {
    for (const part of parts) await session.send(1, part);
    await session.success();
  };

let api: ApiDouble;
let folder: string;
let evidence: EvidenceKeeper;
let said: LocalContext;
/** The pod's status as the API server has it now. */
let pod: { uid: string; container: string; gone?: boolean };
let execs: string[];

beforeEach(async () => {
  api = await ApiDouble.start();
  folder = mkdtempSync(join(tmpdir(), 'podtriage-in-container-'));
  evidence = await createDiskEvidence(folder);
  pod = { uid: 'u1', container: id };
  execs = [];
  api.answer = (request, response) => {
    if (request.url?.includes('/pods/web') !== true || pod.gone === true) status(response, 404, 'not found');
    else
      json(response, {
        metadata: { uid: pod.uid },
        spec: { containers: [{ name: 'web' }] },
        status: { containerStatuses: [{ name: 'web', containerID: `containerd://${pod.container}`, state: { running: {} } }] },
      });
  };
});
afterEach(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Takes files while the container's tar does `exec`, by path. */
async function take(
  changes: readonly Change[],
  exec: (session: ExecSession, path: string) => Promise<void> | void,
  { limits = {}, pace = defaultPace }: { limits?: object; pace?: Pace } = {},
): Promise<readonly Artifact[]> {
  api.exec = (session) => {
    const path = session.url.searchParams.getAll('command').at(-1) ?? '';
    execs.push(path);
    void Promise.resolve(exec(session, path)).catch(() => undefined);
  };
  const clusters = createClusters({ default: api.kubeconfig() }, pace);
  said = localContext(evidence, new AbortController().signal, { limits: limits as never });
  return artifactsFromContainer({ ...said.ctx, cluster: clusters, inContainer: clusters }, target, changes);
}

/** The store holds exactly what the artifacts say, and nothing is left half-way. */
function expectStored(artifacts: readonly Artifact[]): void {
  const stored = readdirSync(join(folder, 'sha256'), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('/'));
  expect(stored.map((name) => name.replace('/', '')).sort()).toEqual([...new Set(artifacts.map(({ sha256 }) => sha256))].sort());
  expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
}

test('a file comes whole, marked as what the container’s own tar sent', async () => {
  const artifacts = await take([change('etc/x')], sends(member('etc/x', 'content'), endMark));
  expect(artifacts).toMatchObject([{ method: 'in-container', size: 7, sha256: sha256Hex('content'), source: { containerId: id } }]);
  expect(said).toMatchObject({ gaps: [], limits: [] });
  expect(execs).toEqual(['etc/x']);
  expectStored(artifacts);
});

test('a file of a volume is asked for where the container has it', async () => {
  const place = { kind: 'volume', volume: 'data', mountPath: '/srv/data/' } as const;
  const artifacts = await take([change('f', { place })], sends(member('srv/data/f', 'v'), endMark));
  expect(artifacts).toMatchObject([{ sha256: sha256Hex('v'), source: { place } }]);
});

describe('what a hostile tar sends is no file, but a gap that names what was wrong:', () => {
  const whole = member('etc/x', 'content');
  const cases: Record<string, [(session: ExecSession) => Promise<void> | void, string, RegExp, Pace?]> = {
    'a member outside of what was asked for': [sends(member('../../etc/shadow', 'root'), endMark), 'command-failed', /not asked for/],
    'another file of its choice': [sends(member('etc/y', 'content'), endMark), 'command-failed', /not asked for/],
    'a name that only begins like it': [sends(member('etc/x\n', 'content'), endMark), 'command-failed', /not asked for/],
    'an absolute name': [sends(member('/etc/x', 'content'), endMark), 'command-failed', /not asked for/],
    'a second file behind the right one': [sends(whole, member('etc/z', 'more'), endMark), 'command-failed', /more than the one file/],
    'the right file twice': [sends(whole, whole, endMark), 'command-failed', /more than the one file/],
    'a symlink to a directory and a file through it': [
      sends(link('etc', '/root', '2'), member('etc/x', 'content'), endMark),
      'command-failed',
      /not asked for/,
    ],
    'a hard link': [sends(link('etc/x', 'etc/shadow', '1'), endMark), 'command-failed', /hard link/],
    'an archive that is cut inside of the file': [sends(whole.subarray(0, 515)), 'transfer-truncated', /early|ends/],
    'an archive that is cut behind the file, exit status 0': [sends(whole), 'transfer-truncated', /early/],
    'an end mark without a file': [sends(endMark), 'command-failed', /does not hold the file/],
    'nothing at all': [sends(), 'transfer-truncated', /early/],
    'a complete archive with exit status 2': [
      async (session) => {
        await session.send(1, Buffer.concat([whole, endMark]));
        await session.exit(2);
      },
      'command-failed',
      /exit status 2/,
    ],
    'bytes behind the end': [sends(whole, endMark, member('etc/z', 'hidden'), endMark), 'transfer-truncated', /follows its end/],
    'another format': [sends(Buffer.from('PK\x03\x04'.repeat(1000))), 'transfer-truncated', /damaged/],
    'a file that ends without a status': [
      (session) => void session.send(1, Buffer.concat([whole, endMark])).then(() => session.close()),
      'transfer-truncated',
      /without a status/,
    ],
    silence: [() => undefined, 'timeout', /nothing came for/, { ...defaultPace, idleMs: 300 }],
    'a drip': [
      async (session) => {
        for (const byte of whole) {
          await session.send(1, Buffer.from([byte]));
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      },
      'timeout',
      /too slow/,
      { ...defaultPace, startMs: 500 },
    ],
  };

  test.each(Object.entries(cases))('%s', async (_what, [exec, reason, detail, pace = defaultPace]) => {
    const artifacts = await take([change('etc/x')], exec, { pace });
    expect(artifacts).toEqual([]);
    expect(said.gaps).toMatchObject([{ subject: 'web:/etc/x', reason, detail: expect.stringMatching(detail) as string }]);
    expectStored([]);
  });

  test('a header of 1 TiB and no end of zeros: a limit, as soon as the header is there', async () => {
    let sent = 0;
    const exec = async (session: ExecSession): Promise<void> => {
      const size = Buffer.alloc(12);
      size[0] = 0x80;
      size.writeBigUInt64BE(1n << 40n, 4);
      await session.send(1, header('etc/x', size));
      for (; !session.socket.destroyed; sent += 1) await session.send(1, Buffer.alloc(64 * 1024));
    };
    expect(await take([change('etc/x')], exec)).toEqual([]);
    expect(said).toMatchObject({ gaps: [], limits: [{ reason: 'file-bytes', detail: expect.stringContaining('1099511627776') as string }] });
    expectStored([]);
  });

  test('an endless archive of nothing but extended headers: a gap', async () => {
    const exec = async (session: ExecSession): Promise<void> => {
      const global = Buffer.concat([header('g', octal(1024), 'g'), padded(Buffer.from(`1024 a=${'x'.repeat(1016)}\n`))]);
      while (!session.socket.destroyed) await session.send(1, global);
    };
    expect(await take([change('etc/x')], exec)).toEqual([]);
    expect(said.gaps).toMatchObject([{ reason: 'transfer-truncated', detail: expect.stringContaining('extended headers') as string }]);
  });
});

test('one file that is withheld does not cost the others', async () => {
  const artifacts = await take([change('a'), change('b'), change('c')], (session, path) =>
    path === 'b' ? sends(member('a', 'a'), endMark)(session) : sends(member(path, path), endMark)(session),
  );
  expect(artifacts.map(({ source }) => source?.path.text)).toEqual(['a', 'c']);
  expect(said.gaps).toMatchObject([{ subject: 'web:/b' }]);
  expectStored(artifacts);
});

test('what was cut is tried once more', async () => {
  const artifacts = await take([change('a')], async (session) => {
    if (execs.length === 1) session.socket.destroy();
    else await sends(member('a', 'a'), endMark)(session);
  });
  expect(artifacts).toHaveLength(1);
  expect([execs, said.gaps]).toEqual([['a', 'a'], []]);
});

test('what is no file is a limit where the listing could not know, and a gap where it did', async () => {
  const artifacts = await take([change('d'), change('f', { type: 'file', method: 'overlay' })], (session, path) =>
    sends(path === 'd' ? header('d/', octal(0), '5') : link('f', '/etc/passwd', '2'), endMark)(session),
  );
  expect(artifacts).toEqual([]);
  expect(said.limits).toMatchObject([{ subject: 'web:/d', reason: 'not-a-file', detail: expect.stringContaining('directory') as string }]);
  expect(said.gaps).toMatchObject([{ subject: 'web:/f', reason: 'command-failed', detail: expect.stringContaining('symlink') as string }]);
});

test('a file of another size than the node listed is kept, and the difference is a gap', async () => {
  const artifacts = await take([change('f', { type: 'file', size: 9 })], sends(member('f', 'short'), endMark));
  expect(artifacts).toMatchObject([{ size: 5 }]);
  expect(said.gaps).toMatchObject([{ reason: 'differs', detail: expect.stringMatching(/9 bytes.*5/) as string }]);
});

test('the sum of all files stays within the run’s limit', async () => {
  const artifacts = await take([change('a'), change('b'), change('c')], (session, path) => sends(member(path, 'xxxxxx'), endMark)(session), {
    limits: { totalBytes: 13 },
  });
  expect(artifacts).toHaveLength(2);
  expect(said.limits).toMatchObject([{ subject: 'web:/c', reason: 'total-bytes' }]);
});

describe('whose file it is', () => {
  test('is seen before: nothing is run in a container that is another one by now', async () => {
    pod.container = 'd'.repeat(64);
    expect(await take([change('a')], sends(member('a', 'a'), endMark))).toEqual([]);
    expect([execs, said.gaps]).toMatchObject([[], [{ reason: 'container-not-running' }]]);
  });

  test('is seen after: what came is thrown away when the container was restarted meanwhile', async () => {
    const artifacts = await take([change('a'), change('b')], (session, path) => {
      pod.container = 'd'.repeat(64);
      return sends(member(path, path), endMark)(session);
    });
    expect(artifacts).toEqual([]);
    expect(said.gaps).toMatchObject([{ reason: 'container-not-running' }, { reason: 'container-not-running' }]);
    expectStored([]);
  });

  test('cannot be seen when the pod was deleted: what came is kept, and says so', async () => {
    const artifacts = await take([change('a'), change('b')], async (session, path) => {
      pod.gone = true;
      if (path === 'a') await sends(member(path, path), endMark)(session);
      else session.close();
    });
    expect(artifacts).toMatchObject([{ sha256: sha256Hex('a') }]);
    expect(said.gaps.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual(['web:/b transfer-truncated', 'web:/a pod-gone']);
  });

  test('of an instance that has ended: it cannot be reached', async () => {
    expect(await take([change('a', { instance: 'previous' })], sends())).toEqual([]);
    expect([execs, said.gaps]).toMatchObject([[], [{ detail: expect.stringContaining('has ended') as string }]]);
  });
});

test('a tar that always hangs is given up, and every file that was not tried is named', async () => {
  const changes = Array.from({ length: 24 }, (_, index) => change(`f${index}`));
  expect(await take(changes, () => undefined, { pace: { ...defaultPace, idleMs: 100 } })).toEqual([]);
  expect(execs).toHaveLength(20);
  expect(said.gaps).toHaveLength(24);
  expect(said.gaps.at(-1)).toMatchObject({ subject: 'web:/f23', reason: 'timeout', detail: expect.stringContaining('not tried') as string });
}, 60_000);

test('trouble that is not the container’s ends the step', async () => {
  api.execStatus = 403;
  await expect(take([change('a')], sends())).rejects.toMatchObject({
    code: 'cluster-forbidden',
    message: expect.stringContaining('get and create pods/exec') as string,
  });
});
