import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { alertTo } from '../../../store/alert.js';
import type { TrustedKeys } from '../../../store/public-keys.js';
import { SignedTexts, type TextPlace } from '../../../store/signed-text.js';
import { type KeyRole, signerOf } from '../../../store/signing-key.js';

const worker = signerOf(generateKeyPairSync('ed25519').privateKey);
const api = signerOf(generateKeyPairSync('ed25519').privateKey);
const stranger = signerOf(generateKeyPairSync('ed25519').privateKey);
const roles = new Map<string, KeyRole>([
  [worker.kid, 'worker'],
  [api.kid, 'api'],
]);
const trusted: TrustedKeys = (kid, role) => {
  const known = [worker, api].find((signer) => signer.kid === kid);
  return Promise.resolve(role === undefined || roles.get(kid) === role ? known?.publicKey : undefined);
};
const lines: object[] = [];
let texts: SignedTexts;
const place: TextPlace = { purpose: 'answer', about: 'a'.repeat(64) };
let dropped = 0;
const read = (text: string | null): Promise<unknown> => texts.read(place, z.unknown(), text, () => Promise.resolve((dropped += 1)));
beforeEach(() => {
  dropped = 0;
  lines.length = 0;
  texts = new SignedTexts(worker, trusted, alertTo({ error: (detail, message) => lines.push({ ...detail, message }) }));
});

test('what was signed is read, whatever it says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      expect(await read(texts.sign(place, value, 60))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(await read(texts.sign(place, { name: 'a\ud800b' }))).toEqual({ name: 'a\ufffdb' });
});

test('no altered text is believed', async () => {
  const text = texts.sign(place, { status: 'detected', engines: ['x'] }, 60);
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }), async (at, put) => {
      const altered = text.slice(0, at) + put + text.slice(at + 1);
      const said = await read(altered);
      // A change that JSON or base64url does not see is none.
      if (said !== undefined) expect(said).toEqual({ status: 'detected', engines: ['x'] });
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['unsigned', (): string => JSON.stringify({ status: 'undetected' })],
  ['of a stranger', (): string => new SignedTexts(stranger, trusted, () => undefined).sign(place, 1)],
  ['of another role', (): string => new SignedTexts(api, trusted, () => undefined).sign(place, 1)],
  ['about something else', (): string => texts.sign({ ...place, about: 'b'.repeat(64) }, 1)],
  ['for another purpose', (): string => texts.sign({ ...place, purpose: 'seen' }, 1)],
  ['put back an hour after it was over', (): string => texts.sign(place, 1, -3_600)],
])('a text that is %s is reported once, dropped, and counts as not there', async (_name, forge) => {
  const text = forge();
  expect(await read(text)).toBeUndefined();
  expect(await read(text)).toBeUndefined();
  expect(dropped).toBe(2);
  expect(lines).toMatchObject([{ code: 'custody-broken', what: `answer ${place.about}` }]);
});

test('a text that has just ended, and one of another version, count as not there, and nobody is alarmed', async () => {
  expect(await read(texts.sign(place, 1, -1))).toBeUndefined();
  const drop = (): Promise<number> => Promise.resolve((dropped += 1));
  expect(await texts.read(place, z.string(), texts.sign(place, 1), drop)).toBeUndefined();
  expect(await read(null)).toBeUndefined();
  expect([dropped, lines]).toEqual([0, []]);
});
