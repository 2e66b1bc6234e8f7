import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNerdctlDiff, parseNerdctlPs } from '../../../playbooks/acquisition/changes/nerdctl.js';
import { isoTime, type TreeEntry, treeEntries } from '../../../playbooks/acquisition/node/find-records.js';
import { nameList, splitNul, withoutDot } from '../../../playbooks/acquisition/node/node-command.js';
import { TriageError } from '../../../playbooks/domain/error.js';

/** Any bytes that a file name can have: all but NUL; never empty. */
const name = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 1 : byte))));

/** The bytes in chunks of a size that splits records anywhere. */
async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function parsed(bytes: Buffer, size = 7): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const entry of treeEntries(chunks(bytes, size))) entries.push(entry);
  return entries;
}

describe('treeEntries', () => {
  const record = (path: Buffer, target: Buffer) =>
    Buffer.concat([Buffer.from('f\t644\t0\t33\t12\t8\t1795646617.7\t-3.5\t99\t1\t66305\t'), path, Buffer.from([0]), target, Buffer.from([0])]);

  it('gives back the exact bytes of any name and link target, however the answer is cut to pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, name), { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), async (pairs, size) => {
        const entries = await parsed(Buffer.concat(pairs.map(([path, target]) => record(path, target))), size);
        expect(entries.map(({ path, target }) => [path, target])).toEqual(pairs);
      }),
    );
  });

  it('refuses an answer that was cut at any byte', async () => {
    const whole = record(Buffer.from('a\tb\nc'), Buffer.from(''));
    for (let at = 1; at < whole.length; at += 1) await expect(parsed(whole.subarray(0, at))).rejects.toThrow(TriageError);
  });

  it('ends in a value or a TriageError, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        await parsed(Buffer.from(bytes)).catch((error: unknown) => {
          if (!(error instanceof TriageError)) throw error;
        });
      }),
    );
  });

  it('keeps owners above 2^31, pads modes and counts blocks of 512 bytes', async () => {
    const [entry] = await parsed(Buffer.from('f\t0\t2352414753\t0\t1099511627776\t8\t1.0\t1.0\t1\t1\t1\tx\0\0'));
    expect(entry).toMatchObject({ uid: 2352414753, mode: '0000', size: 1099511627776, allocated: 4096 });
  });
});

describe('isoTime', () => {
  it('leaves out times that have no ISO form', () => {
    expect(isoTime('1600000000.5')).toBe('2020-09-13T12:26:40.500Z');
    expect(isoTime('-2147483648.0000000000')).toBe('1901-12-13T20:45:52.000Z');
    expect(isoTime('9223372036854775807')).toBeUndefined();
  });
});

describe('names for a node', () => {
  it('come back as they were sent, and none begins with a dash', () => {
    fc.assert(
      fc.property(fc.array(name), (names) => {
        const sent = splitNul(nameList(names), 'test');
        expect(sent.every((one) => one[0] === 0x2e && one[1] === 0x2f)).toBe(true);
        expect(sent.map(withoutDot)).toEqual(names);
      }),
    );
  });
});

describe('nerdctl output', () => {
  it('keeps lines of its own form and sets others apart, forged ones included', () => {
    const { lines, foreign } = parseNerdctlDiff(Buffer.from('A /tmp/new\nline\nC /etc\nD /var/log/a b\n'));
    expect(lines.map(({ kind, path }) => `${kind} ${path.toString()}`)).toEqual(['added tmp/new', 'changed etc', 'deleted var/log/a b']);
    expect(foreign.map(String)).toEqual(['line']);
  });

  it('reads ids from JSON lines and leaves out anything else', () => {
    expect([...parseNerdctlPs('{"ID":"abc","Names":"x"}\nwarning: y\n{"a":1}\n')]).toEqual(['abc']);
  });
});
