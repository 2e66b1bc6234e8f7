import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifactsFromContainer } from '../../playbooks/acquisition/taking/acquire-in-container.js';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import type { Change } from '../../playbooks/domain/change.js';
import { sha256Hex } from '../../playbooks/domain/custody.js';
import { pathName } from '../../playbooks/domain/path-name.js';
import { createDiskEvidence } from '../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../store/evidence/keeper.js';
import { defaultPace } from '../../workers/adapters/kubernetes/archive-stream.js';
import { createClusters } from '../../workers/adapters/kubernetes/clusters.js';
import { localContext } from '../support/step-context.js';
import { endMark, header, link, member, octal, padded } from '../unit/acquisition/archives.js';
import { createPod, deletePod, kubectl, lab } from './lab.js';

const clusters = createClusters({ default: lab.kubeconfig }, { ...defaultPace, idleMs: 5_000 });
const folder = mkdtempSync(join(tmpdir(), 'podtriage-in-container-'));
let evidence: EvidenceKeeper;

/** What came, and what was said of it. */
interface Outcome {
  readonly artifacts: readonly Artifact[];
  readonly notes: readonly string[];
}

async function take(pod: string, paths: readonly string[], limits: object = {}): Promise<Outcome> {
  const { ctx, gaps, limits: left } = localContext(evidence, new AbortController().signal, { limits: limits as never });
  const ref = { cluster: 'default', namespace: lab.namespace, pod };
  const { uid, containers } = await clusters.pod(ref, ctx.signal);
  const changes = paths.map(
    (path): Change => ({
      container: 'web',
      containerId: containers[0]?.id ?? '',
      place: { kind: 'rootfs' },
      path: pathName(Buffer.from(path)),
      kind: 'added',
      type: 'unknown',
      origin: 'container',
      method: 'nerdctl',
    }),
  );
  const artifacts = await artifactsFromContainer({ ...ctx, cluster: clusters, inContainer: clusters }, { ...ref, uid }, changes);
  return { artifacts, notes: [...gaps, ...left].map(({ reason, detail }) => `${reason}: ${detail ?? ''}`) };
}

const huge = (): Buffer => {
  const size = Buffer.alloc(12);
  size[0] = 0x80;
  size.writeBigUInt64BE(1n << 40n, 4);
  return header('etc/x', size);
};
const file = member('etc/x', 'what the suspect wants us to see');

/** What /bin/tar does, after it has sent these bytes, and what must be said of it. */
const rows: [string, Buffer, string, RegExp][] = [
  ['a member outside of what was asked for', Buffer.concat([member('../../evil', 'x'), endMark]), '', /^command-failed: .*not asked for/],
  ['a symlink and a file through it', Buffer.concat([link('etc', '/', '2'), file, endMark]), '', /^command-failed: .*not asked for/],
  ['a hard link', Buffer.concat([link('etc/x', 'etc/shadow', '1'), endMark]), '', /^command-failed: .*hard link/],
  ['a file that is cut', file.subarray(0, 520), '', /^transfer-truncated: /],
  ['a cut behind the file, exit status 0', file, '', /^transfer-truncated: /],
  ['nothing at all', Buffer.alloc(0), '', /^transfer-truncated: /],
  ['all of it, exit status 2', Buffer.concat([file, endMark]), 'exit 2', /^command-failed: .*exit status 2/],
  ['another file', Buffer.concat([member('etc/y', 'x'), endMark]), '', /^command-failed: .*not asked for/],
  ['a header of 1 TiB and no end of zeros', huge(), 'exec cat /dev/zero', /^file-bytes: .*1099511627776/],
  ['no end of headers', Buffer.alloc(0), 'while :; do cat /bytes2; done', /^transfer-truncated: .*extended headers|^limit-exceeded/],
  ['silence', Buffer.alloc(0), 'exec sleep 100000', /^timeout: .*nothing came/],
];
const global = Buffer.concat([header('g', octal(1024), 'g'), padded(Buffer.from(`1024 a=${'x'.repeat(1016)}\n`))]);

/** Command lines of the container that have this text, but for the ones that look for it. */
async function running(pod: string, text: string): Promise<string[]> {
  const script = `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done; true`;
  const lines = (await kubectl('exec', pod, '--', '/bin/busybox', 'sh', '-c', script)).split('\n');
  return lines.filter((line) => line.includes(text) && !line.includes('/cmdline'));
}

async function inBusybox(pod: string, script: string): Promise<void> {
  await kubectl('exec', pod, '--', '/bin/busybox', 'sh', '-c', `${script}; true`);
}

async function goneFrom(pod: string, text: string): Promise<void> {
  for (let tries = 0; (await running(pod, text)).length > 0; tries += 1) {
    if (tries === 60) throw new Error(`still in the container: ${(await running(pod, text)).join('; ')}`);
    await sleep(1_000);
  }
}

beforeAll(async () => {
  evidence = await createDiskEvidence(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(lab.nodes.map(({ name }) => name))('by tar in a container on %s', (node) => {
  const pod = `in-container-${node}`;

  beforeAll(async () => {
    await deletePod(pod);
    await createPod(pod, node);
    await inBusybox(pod, `echo content >/etc/x; mkdir /d; dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null; printf %s 'it is' >'/etc/-a '"'"'b'`);
  });
  afterAll(() => deletePod(pod));

  it('files come whole, also with names that a shell would take apart', async () => {
    const { artifacts, notes } = await take(pod, ['etc/x', `etc/-a 'b`]);
    expect(artifacts.map(({ sha256, method }) => `${sha256} ${method}`)).toEqual([
      `${sha256Hex('content\n')} in-container`,
      `${sha256Hex('it is')} in-container`,
    ]);
    expect(notes).toEqual([]);
  });

  it('a directory and what is too large are limits, what is not there is a gap, and no tar stays in the container', async () => {
    const { artifacts, notes } = await take(pod, ['d', 'big', 'none'], { fileBytes: 1_000_000 });
    expect(artifacts).toEqual([]);
    expect(notes.map((note) => note.split(':')[0]).sort()).toEqual(['command-failed', 'file-bytes', 'not-a-file']);
    await goneFrom(pod, 'tar cf');
  });

  it('when we stop in the middle, tar ends', async () => {
    const ref = { cluster: 'default', namespace: lab.namespace, pod };
    for await (const chunk of await clusters.archive(ref, 'web', Buffer.from('/big'), 1e9, new AbortController().signal)) {
      expect((chunk as Buffer).length).toBeGreaterThan(0);
      break;
    }
    await goneFrom(pod, 'tar cf');
  });

  // The runtime looks for `sh` in the container, and busybox has tar built in: what is hostile here is what is found as /bin/sh.
  describe('a hostile program in the place of tar that sends', () => {
    beforeAll(async () => {
      const hostile = '#!/bin/busybox sh\ncat /bytes\n. /then\n';
      const put = (text: string | Buffer, path: string): string => `echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}`;
      await inBusybox(pod, `${put(global, '/bytes2')}; rm /bin/sh; ${put(hostile, '/bin/sh')}; chmod 755 /bin/sh`);
    });

    it.each(rows)('%s: no file, but what was wrong', async (_what, bytes, then, note) => {
      await inBusybox(pod, `echo ${bytes.toString('base64')} | base64 -d >/bytes; echo '${then}' >/then`);
      const { artifacts, notes } = await take(pod, ['etc/x'], { fileBytes: 1_000_000 });
      expect([artifacts, notes]).toEqual([[], [expect.stringMatching(note)]]);
    });

    it('the file alone, whatever is in it, is taken as what the container’s own tar sent', async () => {
      await inBusybox(pod, `echo ${Buffer.concat([file, endMark]).toString('base64')} | base64 -d >/bytes; : >/then`);
      expect((await take(pod, ['etc/x'])).artifacts).toMatchObject([{ method: 'in-container' }]);
    });

    it('no shell at all: a gap', async () => {
      await inBusybox(pod, 'rm /bin/sh');
      expect(await take(pod, ['etc/x'])).toMatchObject({ artifacts: [], notes: [expect.stringMatching(/^command-failed: /)] });
    });
  });
});
