import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../../playbooks/domain/canonical.js';
import { type CustodyAct, type CustodyEntry, entryHash, verifyChain } from '../../../playbooks/domain/custody.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const keys = new Map<string, KeyObject>([['k1', publicKey]]);

function entry(seq: number, prev: string, more: Partial<CustodyEntry> = {}, key = privateKey): CustodyEntry {
  const body = {
    id: randomUUID(),
    seq,
    at: '2026-01-01T00:00:00.000Z',
    run: 'r1',
    actor: 'worker-1',
    by: 'k1',
    act: 'step.started' as CustodyAct,
    detail: { seq },
    prev,
    ...more,
  };
  const hash = entryHash(body);
  return { ...body, hash, sig: sign(null, Buffer.from(hash, 'hex'), key).toString('base64url') };
}

function chain(length: number): CustodyEntry[] {
  const entries: CustodyEntry[] = [];
  for (let seq = 0; seq < length; seq += 1) entries.push(entry(seq, entries.at(-1)?.hash ?? ''));
  return entries;
}

const verify = (entries: readonly unknown[]) =>
  verifyChain(
    'r1',
    entries.map((one) => canonical(one)),
    keys,
  );

describe('verifyChain', () => {
  it('accepts a whole chain and says how long it is', () => {
    const entries = chain(5);
    expect(verify(entries)).toEqual({ ok: true, entries: 5, head: entries[4]?.hash });
  });

  it('finds any altered field at the entry where it stands', () => {
    const entries = chain(4);
    const changes: Partial<CustodyEntry>[] = [
      { at: '2026-01-02T00:00:00.000Z' },
      { actor: 'x' },
      { act: 'step.finished' },
      { detail: { seq: 9 } },
      { subject: 'x' },
      { sig: 'AAAA' },
    ];
    for (const change of changes) {
      for (let at = 0; at < entries.length; at += 1) {
        expect(verify(entries.map((one, index) => (index === at ? { ...one, ...change } : one)))).toMatchObject({ ok: false, at });
      }
    }
  });

  it('finds an entry that was dropped, doubled or swapped', () => {
    const [a, b, c, d] = chain(4);
    expect(verify([a, c, d])).toMatchObject({ ok: false, at: 1 });
    expect(verify([a, b, b, c])).toMatchObject({ ok: false, at: 2 });
    expect(verify([a, c, b, d])).toMatchObject({ ok: false, at: 1 });
    expect(verify([])).toMatchObject({ ok: false, at: 0 });
  });

  it('refuses an entry by an unknown key, by another key under our name, and of another run', () => {
    expect(verify([entry(0, '', { by: 'k9' })])).toMatchObject({ ok: false, problem: expect.stringContaining('k9') as string });
    expect(verify([entry(0, '', {}, other.privateKey)])).toMatchObject({ ok: false, problem: 'has a wrong signature' });
    expect(verify([entry(0, '', { run: 'r2' })])).toMatchObject({ ok: false, at: 0 });
  });

  it('refuses a repeated id even in a chain that is otherwise right', () => {
    const first = entry(0, '');
    expect(verify([first, entry(1, first.hash, { id: first.id })])).toMatchObject({ ok: false, at: 1 });
  });

  it('refuses what is not canonical, and never throws', () => {
    const [line = ''] = chain(1).map(canonical);
    expect(verifyChain('r1', [line.replace('{', '{ ')], keys)).toMatchObject({ ok: false, problem: 'is not in canonical form' });
    fc.assert(fc.property(fc.string(), (text) => !verifyChain('r1', [text], keys).ok));
  });
});
