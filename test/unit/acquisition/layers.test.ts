import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImageView } from '../../../playbooks/acquisition/changes/image-view.js';
import { type LayerEntry, parseStat } from '../../../playbooks/acquisition/changes/layer-entry.js';
import { LayeredAnswer } from '../../../playbooks/acquisition/changes/layered-answer.js';
import { Lineage } from '../../../playbooks/acquisition/changes/lineage.js';
import { OverlayMarks } from '../../../playbooks/acquisition/changes/overlay-marks.js';
import { TriageError } from '../../../playbooks/domain/error.js';

const prefix = 'trusted.overlay';
/** Any bytes that a file name can have: all but NUL; never empty. */
const name = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 1 : byte))));

describe('parseStat', () => {
  it('gives back the exact bytes of any name', () => {
    fc.assert(
      fc.property(name, (path) => {
        const { path: parsed, entry } = parseStat(Buffer.concat([Buffer.from('81a4\t0\t0\t0\t0\t5\t1700000000.000000000\t./'), path]));
        expect(parsed).toBe(path.toString('latin1'));
        expect(entry).toEqual({ type: 'file', mode: '0644', uid: 0, gid: 0, size: 5, mtime: '1700000000.000000000' });
      }),
    );
  });

  it('ends in a value or a TriageError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        try {
          parseStat(Buffer.from(bytes));
        } catch (error) {
          if (!(error instanceof TriageError)) throw error;
        }
      }),
    );
  });

  it('tells a whiteout from a character device without permissions', () => {
    expect(parseStat(Buffer.from('2000\t0\t0\t0\t0\t0\t0.0\t./gone')).entry.type).toBe('whiteout');
    expect(parseStat(Buffer.from('2000\t1\t3\t0\t0\t0\t0.0\t./null')).entry.type).toBe('char');
  });
});

/** A layer in short: what stands at each path, and its marks. */
interface Layer {
  readonly entries: Readonly<Record<string, LayerEntry['type']>>;
  readonly opaque?: readonly string[];
  readonly whiteouts?: readonly string[];
}

function viewOf(layers: readonly Layer[]): ImageView {
  const view = new ImageView(prefix);
  for (const { entries, opaque = [], whiteouts = [] } of layers) {
    const marks = view.nextLayer();
    for (const path of opaque) marks.opaque.add(path);
    for (const path of whiteouts) marks.whiteouts.add(path);
    for (const [path, type] of Object.entries(entries)) view.take(path, { type, mode: '0755', uid: 0, gid: 0, size: 0, mtime: '0' });
  }
  view.nextLayer();
  return view;
}

const directory: Layer = { entries: { a: 'directory' } };
const base: Layer = { entries: { a: 'directory', 'a/f': 'file' } };

describe('ImageView', () => {
  it.each<[string, Layer[], LayerEntry['type'] | undefined]>([
    ['finds it in the topmost layer that has it', [{ entries: { a: 'directory', 'a/f': 'symlink' } }, base], 'symlink'],
    ['looks through a directory', [directory, base], 'file'],
    ['stops at a whiteout', [{ entries: { a: 'directory', 'a/f': 'whiteout' } }, base], undefined],
    ['stops at a whiteout of a parent', [{ entries: { a: 'whiteout' } }, base], undefined],
    ['stops at a parent that is a symlink', [{ entries: { a: 'symlink' } }, base], undefined],
    ['does not take what stat found behind a symlink', [{ entries: { a: 'symlink', 'a/f': 'file' } }], undefined],
    ['stops below an opaque directory', [{ ...directory, opaque: ['a'] }, base], undefined],
    ['finds what is in an opaque directory itself', [{ ...base, opaque: ['a'] }, directory], 'file'],
    ['stays closed below a directory that a file had replaced', [directory, { entries: { a: 'file' } }, base], undefined],
    ['takes an empty file with the mark for a whiteout', [{ ...base, whiteouts: ['a/f'] }, base], undefined],
    ['takes a symlink with the mark for itself', [{ entries: { a: 'directory', 'a/f': 'symlink' }, whiteouts: ['a/f'] }, base], 'symlink'],
    ['finds nothing where no layer has it', [directory, directory], undefined],
  ])('%s', (_, layers, expected) => {
    expect(viewOf(layers).at('a/f')?.type).toBe(expected);
  });

  it('does not let an opaque mark behind a symlink close anything', () => {
    expect(
      viewOf([{ entries: { b: 'symlink', 'b/a': 'directory' }, opaque: ['b/a'] }, { entries: { b: 'directory', 'b/a': 'directory' } }]).at('b/a'),
    ).toBe(undefined);
  });
});

describe('Lineage', () => {
  const lineage = (redirects: Record<string, string>, opaque: string[] = []): Lineage =>
    new Lineage({ redirects: new Map(Object.entries(redirects).map(([path, value]) => [path, Buffer.from(value)])), opaque: new Set(opaque) });

  it.each<[string, Lineage, string, string | undefined]>([
    ['leaves what was not renamed', lineage({ other: '/x' }), 'a/b', undefined],
    ['follows a path from the root', lineage({ new: '/opt/old' }), 'new/deep/f', 'opt/old/deep/f'],
    ['follows a name in the same directory', lineage({ 'opt/new': 'old' }), 'opt/new/f', 'opt/old/f'],
    ['follows a rename within a renamed directory', lineage({ new: '/old', 'new/sub2': 'sub1' }), 'new/sub2/f', 'old/sub1/f'],
    ['follows a rename out of a renamed directory', lineage({ new: '/old', out: '/old/sub' }), 'out/f', 'old/sub/f'],
    ['ends at an opaque directory', lineage({ new: '/old' }, ['new/made']), 'new/made/f', undefined],
    ['does not follow a mark that the kernel would not write', lineage({ new: '/../etc' }), 'new/f', undefined],
    ['does not follow a name with a slash', lineage({ new: 'a/b' }), 'new/f', undefined],
  ])('%s', (_, of, path, expected) => {
    expect(of.renamedFrom(path)).toBe(expected);
  });
});

async function answerOf(bytes: Buffer, size = 7): Promise<LayeredAnswer> {
  const answer = new LayeredAnswer(prefix, 10);
  await answer.read(
    (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
    })(),
  );
  return answer;
}

const walked = (path: Buffer, target = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from('l\t777\t0\t0\t5\t0\t1.0\t1.0\t9\t1\t1\t./'), path, Buffer.from([0]), target, Buffer.from([0])]);
const stated = (path: Buffer): Buffer => Buffer.concat([Buffer.from('a1ff\t0\t0\t0\t0\t5\t1.0\t./'), path, Buffer.from([0])]);

describe('LayeredAnswer', () => {
  it('takes no name and no link target for structure, however the answer is cut to pieces', async () => {
    const hostile = fc.oneof(
      name,
      fc.constantFrom(':end', ':layer 1', ':files', ':missing', './x', '\n:end\n').map((text) => Buffer.from(text)),
    );
    // The tools print paths below `./`: none begins with a slash.
    const relative = hostile.filter((path) => path[0] !== 0x2f);
    await fc.assert(
      fc.asyncProperty(relative, hostile, fc.integer({ min: 1, max: 60 }), async (path, target, size) => {
        const bytes = [walked(path, target), Buffer.from(':walked 0\0:upper\0:layer 1\0'), stated(path), Buffer.from(':end\0')];
        const answer = await answerOf(Buffer.concat(bytes), size);
        expect(answer.entries.map((entry) => [entry.path, entry.target])).toEqual([[path, target]]);
        expect([...answer.image.paths()]).toEqual(path.includes(0x2f) ? [] : [path.toString('latin1')]);
        expect(answer.failedLayer).toBeUndefined();
      }),
    );
  });

  it('refuses an answer that was cut at any byte', async () => {
    const whole = Buffer.concat([
      walked(Buffer.from('a')),
      Buffer.from(':walked 0\0:upper\0:layer 1\0'),
      stated(Buffer.from('a')),
      Buffer.from(':end\0'),
    ]);
    for (let at = 0; at < whole.length; at += 1) await expect(answerOf(whole.subarray(0, at))).rejects.toThrow(TriageError);
  });

  it('ends in a value or a TriageError, whatever the bytes', async () => {
    const bytes = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(':files\0', ':upper\0', ':layer 2\0', ':uncopied\0').map((t) => Buffer.from(t)),
      ),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (parts) => {
        await answerOf(Buffer.concat(parts)).catch((error: unknown) => {
          if (!(error instanceof TriageError)) throw error;
        });
      }),
    );
  });

  it('stops when there is more than was asked for', async () => {
    const many = Array.from({ length: 20 }, (_, number) => walked(Buffer.from(`f${number}`)));
    const answer = await answerOf(Buffer.concat(many));
    expect(answer.full).toBe(true);
    expect(answer.entries).toHaveLength(10);
  });
});

describe('OverlayMarks', () => {
  it('does not take marks of another prefix, and opaque only from directories', () => {
    const marks = new OverlayMarks(prefix);
    const xattrs = new Map([['user.overlay.opaque', Buffer.from('y')]]);
    marks.take({ name: Buffer.from('./a/./'), type: 'directory', xattrs });
    marks.take({ name: Buffer.from('./f'), type: 'file', xattrs: new Map([[`${prefix}.opaque`, Buffer.from('y')]]) });
    expect(marks.opaque.size).toBe(0);
    marks.take({ name: Buffer.from('./a/./'), type: 'directory', xattrs: new Map([[`${prefix}.opaque`, Buffer.from('y')]]) });
    expect([...marks.opaque]).toEqual(['a']);
  });
});
