import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Artifact, ContentType } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { wantedHashes, withinBudget } from '../../../playbooks/domain/lookup-order.js';
import { artifactOf, change } from '../judgement/builders.js';

const budget = 50;

/** A file of a size, whose sha256 is that of its path unless it is chosen. */
function file(path: string, size: number, content: ContentType = 'elf', sha256 = sha256Hex(path)): Artifact {
  return artifactOf(change(path, { size }), content, { sha256 });
}

/** The same bytes as they run, where the file system of the container has them. */
function run({ sha256, size, content }: Artifact, left = true): Artifact {
  return { ...file(`proc/${sha256}`, size, content, sha256), id: sha256, kind: 'process-executable', left };
}

function asked(artifacts: readonly Artifact[], draw = 'r1'): string[] {
  return withinBudget(wantedHashes(artifacts, draw), () => false, budget).map(({ sha256 }) => sha256);
}

/** Junk whose hashes all come before any other, as who makes it can choose. */
function junk(count: number, pathOf: (at: number) => string, size: number, content?: ContentType): Artifact[] {
  return Array.from({ length: count }, (_, at) => file(pathOf(at), size, content, at.toString(16).padStart(64, '0')));
}

const miner = file('var/tmp/.x/kswapd0', 5_000_000, 'elf', 'f'.repeat(64));

describe('five thousand programs that mean nothing', () => {
  test('do not push a large one out of the budget, wherever they lie', () => {
    for (const pathOf of [(at: number) => `tmp/${at}`, (at: number) => `var/tmp/.x/${at}`, (at: number) => `tmp/${at}/x`])
      expect(asked([...junk(5_000, pathOf, 64), miner])).toContain(miner.sha256);
  });

  test('do not push one of their own size out that lies elsewhere', () => {
    expect(asked([...junk(5_000, (at) => `tmp/${at}`, miner.size), miner])).toContain(miner.sha256);
  });

  test('do not push out what runs, even of their own size and in their own folder', () => {
    const alike = file('tmp/x', 64, 'elf', 'f'.repeat(64));
    expect(asked([...junk(5_000, (at) => `tmp/${at}`, 64), alike, run(alike)])[0]).toBe(alike.sha256);
  });

  test('leave room for scripts and for what cannot be told, but not for texts', () => {
    const script = file('var/www/x.php', 300, 'php');
    const archive = file('opt/x.jar', 9_000, 'archive');
    const text = file('opt/motd', 900, 'text');
    const first = asked([...junk(5_000, (at) => `tmp/${at}`, 64), script, archive, text]);
    expect(first).toEqual(expect.arrayContaining([script.sha256, archive.sha256]));
    expect(first).not.toContain(text.sha256);
  });

  test('do not push out what runs when they run, too, and it is larger', () => {
    const all = junk(5_000, (at) => `tmp/${at}`, 64).map((each) => run(each, false));
    expect(asked([...all, run(miner, false)])).toContain(miner.sha256);
  });
});

test('by which hashes they have, files cannot choose their place; each run draws anew, and always the same', () => {
  const all = [...junk(400, (at) => `tmp/${at}`, 64), file('tmp/y', 64, 'elf', 'f'.repeat(64))];
  const runs = Array.from({ length: 200 }, (_, at) => asked(all, `r${at}`).includes('f'.repeat(64)));
  expect(runs).toContain(true);
  expect(asked(all, 'r7')).toEqual(asked(all.toReversed(), 'r7'));
});

test('a few files go by what they are: what runs, programs, scripts, what cannot be told, texts; what processes run of the image is late', () => {
  const kinds = (['text', 'binary', 'script', 'elf'] as const).map((content) => file(`opt/${content}`, 2_000, content));
  const [text, binary, script, elf] = kinds.map(({ sha256 }) => sha256);
  const own = run(file('tmp/own', 2_000), false);
  const first = asked([run(file('usr/sbin/nginx', 900_000)), ...kinds, own, file('tmp/empty', 0, 'empty', sha256Hex(''))]);
  expect(first.slice(0, 4)).toEqual([own.sha256, elf, script, binary]);
  expect(first.slice(4)).toEqual(expect.arrayContaining([text, sha256Hex('usr/sbin/nginx')]));
  expect(first).toHaveLength(6);
});

test('every hash is there once, in an order that the order of artifacts has no say in', () => {
  const row = fc.record({
    path: fc.constantFrom('a', 'a/b', 'c/d', 'c/e'),
    size: fc.constantFrom(1, 70, 5_000),
    content: fc.constantFrom<ContentType>('elf', 'script', 'text', 'unknown'),
    hash: fc.nat(6),
    left: fc.option(fc.boolean()),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      const artifacts = rows.map(({ path, content, hash, left }) => {
        const each = file(path, hash * 50, content, sha256Hex(String(hash)));
        return left === null ? each : { ...each, kind: 'process-executable' as const, left };
      });
      const wanted = wantedHashes(artifacts, 'r1');
      expect(wanted.map(({ sha256 }) => sha256).sort()).toEqual([...new Set(artifacts.map(({ sha256 }) => sha256))].sort());
      expect(wantedHashes(artifacts.toReversed(), 'r1')).toEqual(wanted);
    }),
  );
});
