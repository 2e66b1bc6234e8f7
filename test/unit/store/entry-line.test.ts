import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonical } from '../../../playbooks/domain/canonical.js';
import { type Act, type CustodyAct, custodyActs, custodyEntrySchema, entryHash, verifyChain } from '../../../playbooks/domain/custody.js';
import { custodyDetails } from '../../../playbooks/domain/custody-details.js';
import { bodyOf, signedLine, type Unsigned } from '../../../store/entry-line.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const first = {
  id: '6b9f2f0e-3a51-4cb8-8c0e-9b8f0f4f7a11',
  seq: 0,
  at: '2026-01-02T03:04:05.678Z',
  run: 'run-1',
  actor: 'worker:1',
  by: 'kid',
  prev: '',
} as const;

const acts = fc.constantFrom<CustodyAct>(...custodyActs);
/** But for a key that zod leaves out of every record, and so out of every detail, and for -0, which is 0 in JSON (RFC 8785, 3.2.2.3). */
const details = fc
  .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }))
  .filter((detail) => !Object.hasOwn(detail, '__proto__'))
  .map((detail) => JSON.parse(JSON.stringify(detail)) as typeof detail);

test('a line is the canonical form of the entry with its hash, whatever the entry says', () => {
  fc.assert(
    fc.property(acts, details, fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (act, detail, subject) => {
      const entry: Unsigned = { ...first, act, detail, ...(subject === undefined ? {} : { subject }) };
      const { entry: signed, line } = signedLine(entry, { privateKey });
      const { hash } = signed;
      expect(hash).toBe(entryHash(entry));
      expect(custodyEntrySchema.parse(JSON.parse(line))).toEqual(signed);
      expect(canonical(signed)).toBe(line);
      expect(verifyChain('run-1', [line], new Map([['kid', publicKey]]))).toEqual({ ok: true, entries: 1, head: hash });
    }),
  );
});

test('text that has no canonical form is made fit, wherever it stands', () => {
  const tools = { 'ta\udc00r': '1\ud800' };
  const body = bodyOf({ act: 'node.tools', subject: 'a\ud800b\u{1f600}', detail: { tools } });
  expect(body).toEqual({ act: 'node.tools', subject: 'a\ufffdb\u{1f600}', detail: { tools: { 'ta\ufffdr': '1\ufffd' } } });
  expect(() => canonical(body)).not.toThrow();
});

test('a detail that breaks its schema is an error of who wrote it', () => {
  // @ts-expect-error A wrong detail does not compile.
  const wrong: Act = { act: 'step.started', detail: { attempt: 'first' } };
  expect(() => bodyOf(wrong)).toThrow(expect.objectContaining({ code: 'internal' }));
  // @ts-expect-error Nor does one that says more.
  const more: Act = { act: 'step.started', detail: { attempt: 1, why: 'x' } };
  expect(() => bodyOf(more)).toThrow(expect.objectContaining({ code: 'internal' }));
});

test('every act has a schema, and every schema is of an act', () => {
  expect(Object.keys(custodyDetails).sort()).toEqual([...custodyActs].sort());
});
