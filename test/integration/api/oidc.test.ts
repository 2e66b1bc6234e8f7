import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { UnsecuredJWT } from 'jose';
import supertest from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { OidcTokens } from '../../../api/oidc.js';
import { oidcSchema } from '../../../api/oidc-config.js';
import { valueAt } from '../../../playbooks/domain/json-pointer.js';
import { packageRoot } from '../../../store/package-root.js';
import { minimal, openDoor } from './door.js';
import { fakeAccess } from './fake-access.js';
import { goodClaims, type Issuer, openIssuer } from './issuer.js';

let issuer: Issuer;
let tokens: OidcTokens;
beforeEach(async () => {
  issuer = await openIssuer();
  tokens = new OidcTokens(issuer.config, { timeoutMs: 1_000, cooldownMs: 0 });
});
afterEach(() => issuer.stop());

const minutes = (count: number): number => Math.floor(Date.now() / 1_000) + count * 60;

describe('a token', () => {
  it('of the issuer says who it is, and what he may do where', async () => {
    expect(await tokens.verify(await issuer.token())).toEqual({
      actor: 'oidc:alice',
      scopes: ['runs:read'],
      reach: [{ cluster: 'default', namespace: 'shop' }],
    });
  });

  it('counts by the first role of the configuration that it has, and no further', async () => {
    expect(await tokens.verify(await issuer.token({ groups: ['chiefs', 'soc'] }))).toMatchObject({ scopes: ['runs:read'] });
    expect(await tokens.verify(await issuer.token({ groups: 'chiefs' }))).toMatchObject({ scopes: ['admin'], reach: 'all' });
  });

  it.each([
    ['no role', { groups: [] }],
    ['no claim', { groups: undefined }],
    ['a role of another name', { groups: ['SOC'] }],
    ['roles that are no texts', { groups: [{ soc: true }, 1, null] }],
    ['a claim of another kind', { groups: { soc: true } }],
  ])('with %s may do nothing', async (_what, claims) => {
    expect(await tokens.verify(await issuer.token(claims))).toEqual({ actor: 'oidc:alice', scopes: [], reach: [] });
  });

  it.each([
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['for somebody else', { aud: 'other' }],
    ['that has expired', { exp: minutes(-2) }],
    ['without an end', { exp: undefined }],
    ['that does not count yet', { nbf: minutes(2) }],
    ['of nobody', { sub: '' }],
    ['of somebody with half a character', { sub: '\ud800' }],
    ['of somebody with too long a name', { sub: 'x'.repeat(201) }],
  ])('%s is refused', async (_what, claims) => {
    await expect(tokens.verify(await issuer.token(claims))).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('may be off by a minute, as clocks are', async () => {
    expect(await tokens.verify(await issuer.token({ exp: minutes(-0.5), nbf: minutes(0.5) }))).toBeDefined();
  });

  it('that the issuer has not signed counts as a guess', async () => {
    const other = await openIssuer();
    const good = await issuer.token();
    const [head = '', body = '', sig = ''] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...goodClaims, iss: issuer.url, exp: minutes(10), groups: ['chiefs'] })).toString('base64url');
    const wrong = [
      new UnsecuredJWT({ ...goodClaims, iss: issuer.url }).setExpirationTime('10m').encode(),
      await issuer.confused(),
      await issuer.token({}, { kid: 'unknown' }),
      await other.token({ iss: issuer.url }),
      `${head}.${forged}.${sig}`,
      `${head}.${body}.`,
      'a.b.c',
    ];
    await other.stop();
    expect(await Promise.all(wrong.map((token) => tokens.verify(token)))).toEqual(wrong.map(() => undefined));
  });

  it('is never good, and never an error of ours, whatever it is', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 3, maxLength: 3 }), async (parts) => {
        expect(tokens.claimed(parts.join('.')) ?? 'oidc:').toMatch(/^oidc:/);
        expect(await tokens.verify(parts.join('.'))).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('names its holder so that no two names become one, and none another kind of actor', async () => {
    const names = ['key:0123456789abcdef', 'a b', 'a%20b', 'a\nb', 'ä', '../x'];
    const actors = await Promise.all(names.map(async (sub) => (await tokens.verify(await issuer.token({ sub })))?.actor));
    expect(new Set(actors).size).toBe(names.length);
    for (const actor of actors) expect(actor).toMatch(/^oidc:[\w!'()*~.%-]+$/);
  });
});

describe('the keys of the issuer', () => {
  it('are fetched once, and anew when it signs with another one', async () => {
    await tokens.verify(await issuer.token());
    await tokens.verify(await issuer.token());
    expect(issuer.fetched()).toBe(1);
    const old = await issuer.token();
    await issuer.rotate();
    expect(await tokens.verify(await issuer.token())).toBeDefined();
    expect(issuer.fetched()).toBe(2);
    expect(await tokens.verify(old)).toBeUndefined();
  });

  it('are not fetched for each unknown key', async () => {
    const patient = new OidcTokens(issuer.config);
    await patient.verify(await issuer.token());
    for (let time = 0; time < 5; time++) expect(await patient.verify(await issuer.token({}, { kid: `k${time}` }))).toBeUndefined();
    expect(issuer.fetched()).toBe(1);
  });

  it('are taken from where the configuration says, without asking the issuer', async () => {
    issuer.lie = { jwks_uri: 'http://127.0.0.1:1/none' };
    const told = new OidcTokens({ ...issuer.config, jwksUri: `${issuer.url}/keys` });
    expect(await told.verify(await issuer.token())).toBeDefined();
  });

  it('are not believed of an issuer that is another one', async () => {
    issuer.lie = { issuer: 'https://elsewhere.example' };
    await expect(tokens.verify(await issuer.token())).rejects.toMatchObject({ code: 'issuer-unavailable' });
  });

  it('cannot be had while the issuer is away, and are asked for again when it is back', async () => {
    const token = await issuer.token();
    await issuer.stop();
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'issuer-unavailable' });
    await issuer.start();
    expect(await tokens.verify(token)).toBeDefined();
  });
});

describe('the door', () => {
  const ask = (path: string, token: string) => supertest(doorWith().app).get(path).set('Authorization', `Bearer ${token}`);
  const doorWith = () => openDoor({ access: { ...fakeAccess(), tokens } });

  it('opens to who has a role, as far as that goes, and names him in custody', async () => {
    const door = doorWith();
    const chief = await issuer.token({ groups: ['chiefs'], sub: 'bob@example.com' });
    const made = await supertest(door.app).post('/api/v1/runs').set('Authorization', `Bearer ${chief}`).send(minimal).expect(202);
    expect(made.body).toMatchObject({ requestedBy: 'oidc:bob%40example.com' });
    await ask('/api/v1/runs', await issuer.token()).expect(200);
    const refused = await ask('/api/v1/keys', await issuer.token()).expect(403);
    expect(refused.body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('admin') as string });
  });

  it('is shut with 403 to who has none, 401 to who is refused, 503 while the issuer is away', async () => {
    await ask('/api/v1/runs', await issuer.token({ groups: [] })).expect(403);
    const late = await ask('/api/v1/runs', await issuer.token({ exp: minutes(-2) })).expect(401);
    expect(late.headers['www-authenticate']).toContain('Bearer');
    const good = await issuer.token();
    tokens = new OidcTokens(issuer.config, { timeoutMs: 1_000, cooldownMs: 0 });
    await issuer.stop();
    const away = await ask('/api/v1/runs', good).expect(503);
    expect(away.body).toMatchObject({ code: 'issuer-unavailable' });
    expect(away.headers['retry-after']).toBe('5');
  });

  it('takes no token where no issuer is trusted', async () => {
    await supertest(openDoor().app)
      .get('/api/v1/runs')
      .set('Authorization', `Bearer ${await issuer.token()}`)
      .expect(401);
  });

  it('logs no token', async () => {
    const door = doorWith();
    const token = await issuer.token();
    await supertest(door.app).get('/api/v1/runs').set('Authorization', `Bearer ${token}`).expect(200);
    expect(door.logged.join('')).not.toContain(token);
  });
});

describe('the configuration', () => {
  const good = {
    issuer: 'https://issuer.example',
    audience: 'podtriage',
    claim: '/groups',
    roles: [{ value: 'soc', scopes: ['runs:read'], reach: 'all' }],
  };

  it('needs no more than issuer, audience, claim and roles', () => {
    expect(oidcSchema.parse(good)).toMatchObject({ actorClaim: '/sub' });
  });

  it.each([
    ['an issuer in the clear', { issuer: 'http://issuer.example' }],
    ['keys in the clear', { jwksUri: 'http://issuer.example/keys' }],
    ['an admin of a part', { roles: [{ value: 'x', scopes: ['admin'], reach: [{ cluster: 'a', namespace: 'b' }] }] }],
    ['no role', { roles: [] }],
    ['a claim that is no pointer', { claim: 'groups' }],
    ['a field that is none', { algorithm: 'none' }],
  ])('is refused with %s', (_what, part) => {
    expect(oidcSchema.safeParse({ ...good, ...part }).success).toBe(false);
  });

  it('is what the page about access shows', () => {
    const page = readFileSync(join(packageRoot(), 'docs', 'access.md'), 'utf8');
    const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    expect(oidcSchema.parse(parseYaml(example))).toMatchObject({
      claim: '/groups',
      roles: [{ value: 'soc-leads' }, {}, { reach: [{ namespace: 'shop' }] }],
    });
  });

  it('points into claims, and not into what all objects have', () => {
    const claims = { 'a/b': { 'c~d': ['x', 'y'] } };
    expect(valueAt(claims, '/a~1b/c~0d/1')).toBe('y');
    for (const path of ['/constructor', '/a~1b/__proto__', '/a~1b/c~0d/length/x', '/none/x']) expect(valueAt(claims, path)).toBeUndefined();
  });
});
