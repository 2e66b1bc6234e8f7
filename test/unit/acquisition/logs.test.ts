import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogFile, type LogFolder, type LogReading, logNames, parseLogs } from '../../../playbooks/acquisition/logs/log-script.js';
import { gapsOfLogs, limitsOfLogs } from '../../../playbooks/acquisition/logs/missing-logs.js';
import { type WantedLog, wantedLogs } from '../../../playbooks/acquisition/logs/wanted-logs.js';
import type { PodContainer } from '../../../playbooks/facts.js';

const known = { kind: 'container', runtime: 'containerd', state: 'running', image: 'i', imageId: '' } as const;
const container = (name: string, instance: PodContainer['instance'], restarts: number, id = 'ab'.repeat(32)): PodContainer => {
  return { ...known, name, instance, restarts, id };
};

describe('the logs that are looked for', () => {
  const files = (...containers: PodContainer[]): string[] => wantedLogs(containers).map(({ instance, file }) => `${instance} ${file}`);

  it('are those of the instance that the status counts, and of the one before it', () => {
    expect(files(container('web', 'current', 0))).toEqual(['current web/0.log']);
    expect(files(container('web', 'current', 7), container('side', 'current', 0))).toEqual([
      'current web/7.log',
      'previous web/6.log',
      'current side/0.log',
    ]);
    expect(files(container('web', 'current', 7), container('web', 'previous', 7))).toEqual(['current web/7.log', 'previous web/6.log']);
  });

  it('of a container that waits to be made anew are its old instance’s', () => {
    expect(files(container('web', 'current', 2, ''), container('web', 'previous', 2))).toEqual(['previous web/2.log', 'previous web/1.log']);
  });

  it('are none of a container that was never made, or whose name Kubernetes would not allow', () => {
    expect(files(container('web', 'current', 0, ''))).toEqual([]);
    expect(wantedLogs([container('web', 'current', 0), container('a b', 'current', 0)])).toHaveLength(1);
    fc.assert(
      fc.property(fc.string(), (name) => {
        for (const { file } of wantedLogs([container(name, 'current', 1)])) expect(file).toMatch(/^[a-z0-9-]{1,63}\/[01]\.log$/);
      }),
    );
  });

  it('are named on stdin, and only a folder that kubelet could have made', () => {
    const wanted = wantedLogs([container('web', 'current', 1)]);
    expect(logNames('shop_web_u-1', wanted).toString()).toBe('shop_web_u-1\nweb 1.log\nweb 0.log\n');
    for (const folder of ['', '.', '..', 'a/b', 'a b', 'a\nb', 'a*', '$x', '-a'])
      expect(() => logNames(folder, wanted)).toThrow(expect.objectContaining({ code: 'internal' }) as Error);
  });
});

const wanted: readonly WantedLog[] = wantedLogs([container('web', 'current', 1), container('web', 'previous', 1), container('side', 'current', 0)]);

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield await Promise.resolve(data.subarray(at, at + size));
}

interface Taken {
  readonly file: LogFile;
  readonly content: Buffer;
  readonly reading: LogReading;
}

async function parse(answer: Uint8Array, size = 7): Promise<{ taken: Taken[]; folder: LogFolder }> {
  const taken: Taken[] = [];
  const folder = await parseLogs(pieces(answer, size), wanted, async (file, content, reading) => {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(part);
    taken.push({ file, content: Buffer.concat(parts), reading: await reading() });
  });
  return { taken, folder };
}

function record(path: string, content: Uint8Array, fared = '0 5 77 9 1000.25', looked = '5 77 9 1000.25'): string {
  return `${path}\tf\0${looked}\0${Buffer.from(content).toString('base64')}\0${fared}\0`;
}

function ended(records: string, others = ''): Buffer {
  return Buffer.from(`\td\0web\td\0${records}end\0${Buffer.from(others, 'latin1').toString('base64')}\0`, 'latin1');
}

describe('what is read of them', () => {
  it('comes as it is, however the answer is cut to pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (a, b, size) => {
        const { taken, folder } = await parse(ended(record('web/1.log', a) + record('side/0.log', b)), size);
        expect(taken.map(({ file, content }) => [file.path, content])).toEqual([
          ['web/1.log', Buffer.from(a)],
          ['side/0.log', Buffer.from(b)],
        ]);
        expect(taken[0]).toMatchObject({ reading: 'whole', file: { size: 9, identity: { device: '5', inode: '77', ctime: '1000.25' } } });
        expect(folder).toMatchObject({ others: [], complete: true });
      }),
    );
  });

  it('is never passed as whole when the answer is cut anywhere', async () => {
    const answer = ended(record('web/1.log', Buffer.from('one')), 'web/1.log\t3\0');
    for (let at = 0; at < answer.length; at += 1) {
      await expect(parse(answer.subarray(0, at))).rejects.toMatchObject({
        code: expect.stringMatching(/transfer-truncated|command-failed/) as string,
      });
    }
    expect((await parse(answer)).taken).toHaveLength(1);
  });

  it.each([
    ['0 5 77 10 1001.5', 'whole'],
    ['1 5 77 9 1000.25', 'unreadable'],
    ['0 5 78 9 1000.25', 'changed'],
    ['0 6 77 9 1000.25', 'changed'],
    ['0 5 77 8 1001.5', 'changed'],
    ['1 ', 'changed'],
    ['0 ', 'changed'],
    ['', 'changed'],
  ])('with "%s" after it is %s', async (fared, reading) => {
    expect((await parse(ended(record('web/1.log', Buffer.from('x'), fared)))).taken[0]?.reading).toBe(reading);
  });

  it('is taken of nothing that was not asked for, and not from a foreign answer', async () => {
    for (const answer of [ended(record('web/2.log', Buffer.from('x'))), Buffer.from('no\0'), ended('web/1.log\tf\0one two\0\0\0')])
      await expect(parse(answer)).rejects.toMatchObject({ code: 'command-failed' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        await expect(parse(bytes)).rejects.toMatchObject({ code: expect.stringMatching(/transfer-truncated|command-failed/) as string });
      }),
    );
  });

  it('has the other files beside it, whatever they are called', async () => {
    const { folder } = await parse(ended('', 'web/0.log.1\t5\0web/\n\t7\xff\t6\0web/cut'));
    expect(folder.others).toEqual([
      { path: 'web/0.log.1', size: 5 },
      { path: 'web/\n\t7\xff', size: 6 },
    ]);
  });
});

describe('what is said of logs that were not kept', () => {
  const containers = [container('web', 'current', 1), container('web', 'previous', 1), container('side', 'current', 0)];
  const found = (types: Record<string, string>, others: LogFolder['others'] = []) => {
    return { types: new Map(Object.entries({ '': 'd', ...types })), others, complete: true, unreadable: new Set<string>() };
  };

  it('names each instance of the status', () => {
    const gaps = gapsOfLogs(containers, wanted, [], '/p/f on node n', found({}));
    expect(gaps.map(({ subject, reason }) => [subject, reason])).toEqual([
      ['log of container web', 'no-log'],
      ['log of container web (previous instance)', 'no-log'],
      ['log of container side', 'no-log'],
    ]);
    expect(gapsOfLogs(containers.slice(0, 1), wanted.slice(0, 2), [], '/p/f', found({}))).toHaveLength(1);
  });

  it('tells what cannot be read from what is not there', () => {
    const unreadable = { ...found({ web: 'd', 'web/1.log': 'f', side: 'f' }), unreadable: new Set(['web/1.log']) };
    const gaps = gapsOfLogs(containers, wanted, [], '/p/f', unreadable);
    expect(gaps.map(({ reason }) => reason)).toEqual(['could-not-read', 'no-log', 'not-a-file']);
  });

  it('has no name in it that the suspect may have chosen', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (name, size) => {
        const odd = found({}, [{ path: `web/${name}`, size }]);
        const newer = gapsOfLogs(containers, wanted, [], '/p', odd).filter(({ reason }) => reason !== 'no-log');
        for (const { detail } of newer) expect(detail).toMatch(/^it was started anew since/);
        for (const { detail } of limitsOfLogs(wanted, [], odd))
          expect(detail).toBe(`1 file of ${size} bytes, rotated or of earlier instances, left on the node`);
      }),
    );
  });
});
