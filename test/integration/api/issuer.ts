import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { OidcConfig } from '../../../api/oidc-config.js';

/** An OpenID Connect issuer with keys of its own, over HTTP. */
export interface Issuer {
  readonly url: string;
  /** What the service is told of it. */
  readonly config: OidcConfig;
  /** How often its keys were asked for. */
  readonly fetched: () => number;
  /** What its discovery says in place of the truth. */
  lie: object | undefined;
  /** A token as the issuer gives it, but for what is said. */
  token(claims?: Readonly<Record<string, unknown>>, header?: { kid?: string }): Promise<string>;
  /** A token that is signed with the text of its public key, as if that were a secret. */
  confused(): Promise<string>;
  /** Signs with a new key, and knows only that. */
  rotate(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What a good token says. */
export const goodClaims = { sub: 'alice', aud: 'podtriage', groups: ['staff', 'soc'] };

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function newKey(kid: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

export async function openIssuer(): Promise<Issuer> {
  let key = await newKey('one');
  let fetched = 0;
  let port = 0;
  let server: Server | undefined;
  const made: Omit<Issuer, 'url' | 'config'> & { url: string; config: OidcConfig } = {
    url: '',
    config: {} as OidcConfig,
    fetched: () => fetched,
    lie: undefined,
    token: (claims = {}, { kid = key.kid } = {}) =>
      new SignJWT({ iss: made.url, ...goodClaims, exp: now() + 600, ...claims }).setProtectedHeader({ alg: 'ES256', kid }).sign(key.privateKey),
    async confused() {
      const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
      return new SignJWT({ iss: made.url, ...goodClaims, exp: now() + 600 }).setProtectedHeader({ alg: 'HS256', kid: key.kid }).sign(secret);
    },
    async rotate() {
      key = await newKey('two');
    },
    async start() {
      server = createServer((req, res) => {
        res.setHeader('Content-Type', 'application/json');
        const discovery = req.url === '/.well-known/openid-configuration';
        if (!discovery) fetched += 1;
        res.end(JSON.stringify(discovery ? { issuer: made.url, jwks_uri: `${made.url}/keys`, ...made.lie } : { keys: [key.jwk] }));
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      ({ port } = server.address() as AddressInfo);
      made.url = `http://127.0.0.1:${port}`;
    },
    async stop() {
      server?.close();
      server?.closeAllConnections();
      if (server !== undefined) await once(server, 'close');
    },
  };
  await made.start();
  made.config = {
    issuer: made.url,
    audience: 'podtriage',
    claim: '/groups',
    actorClaim: '/sub',
    roles: [
      { value: 'soc', scopes: ['runs:read'], reach: [{ cluster: 'default', namespace: 'shop' }] },
      { value: 'chiefs', scopes: ['admin'], reach: 'all' },
    ],
  };
  return made;
}

/** In seconds. */
function now(): number {
  return Math.floor(Date.now() / 1_000);
}
