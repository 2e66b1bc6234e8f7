import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNerdctlDiff, parseNerdctlPs } from '../../../playbooks/acquisition/changes/nerdctl.js';
import { parseMountinfo, parseOverlayOptions } from '../../../playbooks/acquisition/node/mountinfo.js';
import { nulRecords, splitNul } from '../../../playbooks/acquisition/node/node-command.js';
import { fromBase64, NulFields } from '../../../playbooks/acquisition/node/nul-fields.js';
import { parseHashes } from '../../../playbooks/acquisition/trees/node-hash.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { chunked } from './archives.js';

/** Bytes of a name: anything but NUL. */
const name = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 1 : byte))));
/** The same, with much of what gives lines and columns their meaning. */
const troubled = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', ' ', '\t', '\\', ' - ', ',', ':', '=', '/', 'A /', '\nA /', '\\040', 'upperdir=', '..'),
      fc.string({ maxLength: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .filter((text) => text !== '');

async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

function onlyTriageErrors(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
  }
}

describe('what nerdctl diff prints', () => {
  const kinds = { A: 'added', C: 'changed', D: 'deleted' } as const;
  const letter = fc.constantFrom('A' as const, 'C' as const, 'D' as const);

  it('comes back with the exact bytes of every name that has no newline', () => {
    const plain = name.map((bytes) => Buffer.from(bytes.map((byte) => (byte === 10 ? 11 : byte))));
    fc.assert(
      fc.property(fc.array(fc.tuple(letter, plain)), (rows) => {
        const { lines, foreign } = parseNerdctlDiff(
          Buffer.concat(rows.flatMap(([kind, path]) => [Buffer.from(`${kind} /`), path, Buffer.from('\n')])),
        );
        expect(lines).toEqual(rows.map(([kind, path]) => ({ kind: kinds[kind], path })));
        expect(foreign).toEqual([]);
      }),
    );
  });

  it('loses no line, whatever names do to it: each is a change or is set apart', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(letter, troubled)), (rows) => {
        const text = rows.map(([kind, path]) => `${kind} /${path}\n`).join('');
        const { lines, foreign } = parseNerdctlDiff(Buffer.from(text));
        const printed = text.split('\n').filter((line) => line !== '' && !/^[ACD] \/$/.test(line));
        const back = lines.map(({ kind, path }) => `${{ added: 'A', changed: 'C', deleted: 'D' }[kind]} /${path.toString()}`);
        expect([...back, ...foreign.map(String)].sort()).toEqual(printed.sort());
      }),
    );
  });

  it('is read to its end, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => onlyTriageErrors(() => parseNerdctlDiff(Buffer.from(bytes)))));
  });
});

describe('what nerdctl ps prints', () => {
  it('gives the ids of JSON lines, and no others, whatever stands in the other fields', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^[0-9a-f]{64}$/), troubled)), troubled, (rows, noise) => {
        const text = rows.map(([ID, Names]) => `${JSON.stringify({ ID, Names })}\n`).join(`${noise}\n`);
        expect(parseNerdctlPs(text)).toEqual(new Set(rows.map(([ID]) => ID)));
      }),
    );
  });
});

describe('a mount table', () => {
  /** As the kernel writes it (seq_path, mangle). */
  const escaped = (text: string): string => text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const mount = fc.record({ root: troubled, mountPoint: troubled, source: troubled, tags: fc.constantFrom('', 'shared:1 ', 'shared:1 master:2 ') });

  it('gives back every root, mount point and source, whatever is in their names', () => {
    fc.assert(
      fc.property(fc.array(mount), (mounts) => {
        const text = mounts
          .map(
            ({ root, mountPoint, source, tags }, index) =>
              `${index + 1} 1 0:${index} /${escaped(root)} /${escaped(mountPoint)} rw,relatime ${tags}- tmpfs ${escaped(source)} rw,size=4k\n`,
          )
          .join('');
        expect(parseMountinfo(text)).toMatchObject(
          mounts.map(({ root, mountPoint, source }, index) => ({
            device: `0:${index}`,
            root: `/${root}`,
            mountPoint: `/${mountPoint}`,
            type: 'tmpfs',
            source,
            superOptions: 'rw,size=4k',
          })),
        );
      }),
    );
  });

  it('loses none of its lines to a line that is none', () => {
    const good = '7 1 0:52 / /run/x/rootfs rw - overlay overlay rw,upperdir=/up';
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, after) => {
        const mounts = parseMountinfo(`${before}\n${good}\n${after}`);
        expect(mounts.some(({ device, mountPoint }) => device === '0:52' && mountPoint === '/run/x/rootfs')).toBe(true);
      }),
    );
  });
});

describe('options of an overlay', () => {
  /** As the kernel writes a path there (seq_show_option). */
  const escaped = (text: string): string => text.replace(/[,= \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const path = troubled.map((text) => `/${text}`);

  it('give each directory as it is, or none: never another one', () => {
    fc.assert(
      fc.property(path, fc.array(path, { minLength: 1, maxLength: 4 }), (upper, lowers) => {
        const added = lowers.map((lower) => `lowerdir+=${escaped(lower)}`).join(',');
        const options = parseOverlayOptions(`rw,${added},upperdir=${escaped(upper)},workdir=/w`);
        const untold = [upper, ...lowers].some((each) => each.includes('\\'));
        if (untold) expect(options).toBeUndefined();
        else expect(options).toMatchObject({ upper, lowers, metacopy: false, userxattr: false });
      }),
    );
  });

  it('end in a value, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseOverlayOptions(text) === undefined || true));
  });
});

describe('lists of names that end in NUL', () => {
  const list = fc.array(fc.oneof(name, fc.constant(Buffer.alloc(0))), { maxLength: 12 });
  const joined = (names: readonly Buffer[]): Buffer => Buffer.concat(names.flatMap((each) => [each, Buffer.from([0])]));

  it('come back as they were, however the answer is cut to pieces', async () => {
    await fc.assert(
      fc.asyncProperty(list, fc.integer({ min: 1, max: 60 }), async (names, size) => {
        const bytes = joined(names);
        expect(splitNul(bytes, 'test')).toEqual(names);
        expect(await collected(nulRecords(chunked(bytes, size), 'test'))).toEqual(names);
        const fields = new NulFields(chunked(bytes, size), 'test');
        const read: Buffer[] = [];
        while (!(await fields.isAtEnd())) read.push(await fields.field(1_000));
        expect(read).toEqual(names);
      }),
    );
  });

  it('that are cut inside of a name are refused by every reader', async () => {
    const refused = { code: 'transfer-truncated' };
    await fc.assert(
      fc.asyncProperty(list, name, fc.integer({ min: 1, max: 60 }), async (names, last, size) => {
        const bytes = Buffer.concat([joined(names), last]);
        expect(() => splitNul(bytes, 'test')).toThrow(expect.objectContaining(refused) as Error);
        await expect(collected(nulRecords(chunked(bytes, size), 'test'))).rejects.toMatchObject(refused);
        const fields = new NulFields(chunked(bytes, size), 'test');
        await expect(
          (async () => {
            while (!(await fields.isAtEnd())) await fields.field(1_000);
          })(),
        ).rejects.toMatchObject(refused);
      }),
    );
  });

  it('give base64 back as bytes, or a TriageError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (bytes, size) => {
        const text = Buffer.from(Buffer.from(bytes).toString('base64'));
        const parts = chunked(text, size) as AsyncGenerator<Buffer>;
        expect(Buffer.concat(await collected(fromBase64(parts)))).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('hashes of a node', () => {
  const sum = 'ab'.repeat(32);
  const look = (mark: string, path: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${mark}\tf\t2049\t77\t5\t1795646617.5\t./`), path, Buffer.from([0])]);

  it('belong to the file of exactly that name, whatever the name looks like', () => {
    const lookalike = fc.constantFrom(`${sum}  ./x`, '<\tf\t1\t1\t1\t1\tx', '>\tf\t1\t1\t1\t1\tx', './x', '-x', ' ').map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(name, lookalike), (path) => {
        const answer = Buffer.concat([look('<', path), Buffer.from(`${sum}  ./`), path, Buffer.from([0]), look('>', path)]);
        expect([...parseHashes(answer, () => 1_000)]).toEqual([
          [path.toString('latin1'), expect.objectContaining({ outcome: 'hashed', sha256: sum, steady: true, size: 5 })],
        ]);
      }),
    );
  });

  it('end in a value or a TriageError, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => onlyTriageErrors(() => parseHashes(Buffer.from(bytes), () => 1))));
  });
});
