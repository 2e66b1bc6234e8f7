import { expect, test } from 'vitest';
import { type BagFile, textFile } from '../../../playbooks/bag/bag-file.js';
import { CheckedBag } from '../../../playbooks/bag/checked-bag.js';
import { declaration, manifestText, payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';

function manifestOf(files: readonly (readonly [string, string])[]): string {
  return manifestText(files.map(([path, text]) => ({ path, sha256: sha256Hex(text) })));
}

/** A small bag, path by path. */
function sample(): Map<string, string> {
  const payload = [[payloadFiles.steps, 'steps\n'] as const, [payloadFiles.custody, 'chain\n'] as const];
  const tags = [[tagFiles.declaration, declaration] as const, [tagFiles.info, 'x: y\n'] as const, [tagFiles.manifest, manifestOf(payload)] as const];
  return new Map([...payload, ...tags, [tagFiles.tagManifest, manifestOf(tags)]]);
}

async function check(files: Iterable<readonly [string, string]>): Promise<string> {
  async function* given(): AsyncGenerator<BagFile> {
    for (const [path, text] of files) yield await Promise.resolve(textFile(path, text));
  }
  const bag = new CheckedBag();
  for await (const { bytes } of bag.files(given())) for await (const chunk of bytes) expect(chunk.length).toBeGreaterThan(0);
  return bag.manifestSha256;
}

test('a bag that is what its manifests say passes, whatever its order', async () => {
  const bag = sample();
  expect(await check(bag)).toBe(sha256Hex(bag.get(tagFiles.manifest) ?? ''));
  await check([...bag].toReversed());
});

test.each([...sample().keys()])('another byte in %s is found', async (path) => {
  const bag = sample();
  await expect(check(bag.set(path, `${bag.get(path) ?? ''}\n`))).rejects.toMatchObject({ code: 'digest-mismatch' });
});

test.each([...sample().keys()])('a bag without %s is none', async (path) => {
  const bag = sample();
  bag.delete(path);
  await expect(check(bag)).rejects.toMatchObject({ code: 'digest-mismatch' });
});

test('a file more, one with a strange name, and one that comes twice are refused', async () => {
  const bag = sample();
  await expect(check([...bag, [payloadFiles.lookups, 'x']])).rejects.toMatchObject({ code: 'digest-mismatch' });
  await expect(check([['data/../x', 'x'], ...bag])).rejects.toMatchObject({ code: 'invalid-request' });
  await expect(check([...bag, [payloadFiles.steps, 'steps\n']])).rejects.toMatchObject({ code: 'invalid-request' });
});
