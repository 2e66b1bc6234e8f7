import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keySet } from '../../../api/key-set.js';
import { PublicKeys } from '../../../store/public-keys.js';
import { openSigner } from '../../../store/signing-key.js';
import { type Outcome, startCommand } from './command.js';

let data: string;
let folder: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'podtriage-signing-keys-'));
  folder = join(data, 'keys');
});
afterEach(() => rmSync(data, { recursive: true }));

function keys(words: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
  return startCommand(['signing-keys', ...words], { PODTRIAGE_DATA: data, ...env }).outcome;
}

test('a rotated key signs from then on; the old one is still listed and believed, and its private half is gone', async () => {
  const old = await openSigner(folder, 'worker');
  const rotated = await keys(['rotate', '--role', 'worker']);
  expect(rotated).toMatchObject({ code: 0 });
  expect(rotated.stderr).toContain('restart');
  const now = await openSigner(folder, 'worker');
  expect(now.kid).not.toBe(old.kid);
  expect(rotated.stdout).toContain(now.kid);
  const listed = JSON.parse((await keys(['--json'])).stdout) as { role: string; kid: string; active: boolean }[];
  expect(listed).toMatchObject([
    { role: 'worker', kid: old.kid, active: false },
    { role: 'worker', kid: now.kid, active: true },
  ]);
  const secret = old.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), 'utf8')).not.toBe(secret);
  expect(statSync(join(folder, 'worker.pem')).mode & 0o777).toBe(0o600);
  expect(await new PublicKeys(folder).find(old.kid, 'worker')).toBeDefined();
});

test('who removes a private key rotates it, too: a new one is made, and no public key is lost', async () => {
  const old = await openSigner(folder, 'api');
  rmSync(join(folder, 'api.pem'));
  const now = await openSigner(folder, 'api');
  const names = readdirSync(folder);
  expect(names).toEqual(expect.arrayContaining([`api-${old.kid}.pub.pem`, `api-${now.kid}.pub.pem`]));
});

test('a key that somebody else keeps is used where it is, and is for him to replace', async () => {
  const file = join(data, 'given.pem');
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const signer = await openSigner(folder, 'api', file);
  expect(readdirSync(folder)).toEqual([`api-${signer.kid}.pub.pem`]);
  const refused = await keys(['rotate', '--role', 'api'], { PODTRIAGE_API_SIGNING_KEY: file });
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain('PODTRIAGE_API_SIGNING_KEY');
  chmodSync(file, 0o644);
  await expect(openSigner(folder, 'api', file)).rejects.toMatchObject({ code: 'config-invalid' });
  await expect(openSigner(folder, 'api', join(data, 'none.pem'))).rejects.toMatchObject({ code: 'config-invalid' });
});

test('keys of processes that run elsewhere are enrolled as files, folders and JWK sets, each for its role', async () => {
  const elsewhere = mkdtempSync(join(data, 'elsewhere-'));
  const api = await openSigner(elsewhere, 'api');
  const worker = await openSigner(elsewhere, 'worker');
  const set = join(data, 'jwks.json');
  writeFileSync(set, JSON.stringify(keySet(await new PublicKeys(elsewhere).all())));
  for (const place of [set, elsewhere]) {
    if (place === elsewhere) for (const role of ['api', 'worker']) rmSync(join(elsewhere, `${role}.pem`));
    const ring = new PublicKeys(folder, [place]);
    expect(await ring.find(api.kid, 'api')).toBeDefined();
    expect(await ring.find(api.kid, 'worker')).toBeUndefined();
    expect(await ring.find(worker.kid, 'worker')).toBeDefined();
    expect(await ring.find(worker.kid)).toBeDefined();
  }
  const listed = await keys([], { PODTRIAGE_TRUSTED_KEYS: set });
  expect(listed.stdout).toContain(api.kid);
  expect(await keys([], { PODTRIAGE_TRUSTED_KEYS: join(data, 'nowhere') })).toMatchObject({ code: 1 });
});

test('a private key among the enrolled ones is refused, and one that is no Ed25519 key', async () => {
  await openSigner(folder, 'api');
  await expect(new PublicKeys(join(data, 'none'), [join(folder, 'api.pem')]).all()).rejects.toMatchObject({ code: 'config-invalid' });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(data, 'api.pub.pem');
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  await expect(new PublicKeys(folder, [file]).all()).rejects.toMatchObject({ code: 'config-invalid' });
});

test('a key that is made after a ring was read is found', async () => {
  const ring = new PublicKeys(folder);
  expect(await ring.all()).toEqual([]);
  const { kid } = await openSigner(folder, 'worker');
  expect(await ring.find(kid, 'worker')).toBeDefined();
});
