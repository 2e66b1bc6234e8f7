import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64 } from '../../../playbooks/acquisition/node/nul-fields.js';
import { type FoundFile, foundFiles, type Reading } from '../../../playbooks/acquisition/trees/process-files.js';
import { deviceNumber, insideMount } from '../../../playbooks/acquisition/trees/process-place.js';

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += size) yield await Promise.resolve(data.subarray(at, at + size));
}

interface Taken {
  readonly file: FoundFile;
  readonly content: Buffer;
  readonly reading: Reading;
}

async function parse(answer: Buffer, size = 7): Promise<Taken[]> {
  const taken: Taken[] = [];
  await foundFiles(pieces(answer, size), async (file, content, fared) => {
    const parts: Buffer[] = [];
    for await (const part of fromBase64(content)) parts.push(part);
    taken.push({ file, content: Buffer.concat(parts), reading: await fared() });
  });
  return taken;
}

function record(content: Uint8Array, said: string, head = '214\t77\t5\t1000.5\0'): Buffer {
  return Buffer.from(`${head}${Buffer.from(content).toString('base64')}\0${said}\0`, 'latin1');
}

describe('files of a mount', () => {
  it('come as they are, however the answer is cut to pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), async (contents, size) => {
        const taken = await parse(Buffer.concat(contents.map((content) => record(content, '0'))), size);
        expect(taken.map(({ content }) => content)).toEqual(contents.map((content) => Buffer.from(content)));
        for (const { reading, file } of taken) {
          expect(reading).toBe('whole');
          expect(file).toEqual({ size: 5, identity: { device: '214', inode: '77', ctime: '1000.5' } });
        }
      }),
    );
  });

  it('are never passed as whole when the answer is cut anywhere', async () => {
    const answer = Buffer.concat([record(Buffer.from('one'), '0'), record(Buffer.from('two'), '0')]);
    const ends = [record(Buffer.from('one'), '0').length, answer.length];
    for (let at = 1; at < answer.length; at += 1) {
      if (!ends.includes(at))
        await expect(parse(answer.subarray(0, at))).rejects.toMatchObject({
          code: expect.stringMatching(/transfer-truncated|command-failed/) as string,
        });
    }
  });

  it('are told by what tar says of them, whose messages quote names', async () => {
    const said = [
      ['tar: ./f: file changed as we read it\n1', 'changed'],
      ['tar: ./f: File shrank by 17000000 bytes; padding with zeros\n1', 'padded'],
      ['tar: ./f: Cannot stat: No such file or directory\n2', 'unreadable'],
      ['tar: ./file changed as we read it\\n0: Cannot open: Permission denied\n2', 'unreadable'],
      ['', 'unreadable'],
    ];
    for (const [text = '', reading] of said) expect((await parse(record(Buffer.from('x'), text)))[0]?.reading).toBe(reading);
  });

  it('are refused when a record has another form', async () => {
    for (const head of ['x\t77\t5\t1\0', '214\t77\t5\0', '\0', `${'9'.repeat(300)}\0`]) {
      await expect(parse(record(Buffer.from('x'), '0', head))).rejects.toMatchObject({ code: 'command-failed' });
    }
    await expect(parse(Buffer.from('214\t77\t5\t1000.5\0no base64!\x000\0'))).rejects.toMatchObject({ code: 'command-failed' });
  });
});

describe('a device', () => {
  it.each([
    ['0:214', '214'],
    ['254:0', '65024'],
    ['0:1000', '3145960'],
    ['4095:255', '1048575'],
  ])('%s is %s to stat(1)', (device, number) => {
    expect(deviceNumber(device)).toBe(number);
  });
});

describe('the way into a mount', () => {
  it('takes no name of the suspect, and no id that could be anything but one', () => {
    const place = { pid: 7, containerId: 'a'.repeat(64), device: '0:214', mountId: 102, mountPoint: '/a b$(x)' };
    expect(insideMount(place, ['find']).join(' ')).not.toContain('$(x)');
    for (const containerId of ['', '.*', `${'a'.repeat(63)}\n`]) expect(() => insideMount({ ...place, containerId }, [])).toThrow('64 hex digits');
  });
});
