import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { afterMs } from '../playbooks/domain/abort.js';
import { asTriageError, TriageError } from '../playbooks/domain/error.js';
import { valueAt } from '../playbooks/domain/json-pointer.js';
import type { Caller } from './caller.js';
import type { OidcConfig } from './oidc-config.js';

/** Checks bearer tokens of an OpenID Connect issuer. */
export interface Tokens {
  /** Whose token it says it is, unchecked, as custody would name him. */
  claimed(token: string): string | undefined;
  /**
   * Who holds it; undefined for a token that the issuer has not signed. One without a role that counts may do nothing.
   * Throws `unauthorized` for one that does not count here, or not now, and `issuer-unavailable`.
   */
  verify(token: string): Promise<Caller | undefined>;
}

/** How long the issuer may take, and how soon an unknown key has its keys fetched anew, in milliseconds. */
export interface IssuerTimes {
  readonly timeoutMs: number;
  readonly cooldownMs: number;
}

/** None that needs no key, and none whose key the public half would be. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
/** Clocks of issuer and service may differ by this, in seconds. */
const clockTolerance = 60;
/** In characters, escaped. */
const maxNameLength = 200;

/** Not signed by the issuer, or no token at all. */
const wrong: ReadonlySet<string> = new Set([
  errors.JWSInvalid.code,
  errors.JWTInvalid.code,
  errors.JWSSignatureVerificationFailed.code,
  errors.JOSEAlgNotAllowed.code,
  errors.JOSENotSupported.code,
  errors.JWKSNoMatchingKey.code,
  errors.JWKSMultipleMatchingKeys.code,
]);
/** Signed, but not for here or for now. */
const refused: ReadonlySet<string> = new Set([errors.JWTExpired.code, errors.JWTClaimValidationFailed.code]);

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Says whether a bearer has the form of a token (JWS, compact). */
export function isToken(bearer: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(bearer);
}

/** Checks tokens with the keys of the issuer, which are fetched when the first one comes, and kept for 10 minutes. */
export class OidcTokens implements Tokens {
  private keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(
    private readonly config: OidcConfig,
    private readonly times: IssuerTimes = { timeoutMs: 5_000, cooldownMs: 30_000 },
  ) {}

  claimed(token: string): string | undefined {
    try {
      return actorOf(decodeJwt(token), this.config);
    } catch {
      return undefined;
    }
  }

  async verify(token: string): Promise<Caller | undefined> {
    const { issuer, audience } = this.config;
    const rules = { issuer, audience, algorithms, clockTolerance, requiredClaims: ['exp'] };
    const keys = await this.issuerKeys();
    try {
      const { payload } = await jwtVerify(token, keys, rules);
      return callerOf(payload, this.config);
    } catch (error) {
      if (error instanceof TriageError) throw error;
      const code = error instanceof errors.JOSEError ? error.code : '';
      if (wrong.has(code)) return undefined;
      if (refused.has(code)) throw asTriageError(error, 'unauthorized', 'the token does not count');
      throw asTriageError(error, 'issuer-unavailable', `the keys of ${issuer} cannot be had`);
    }
  }

  private async issuerKeys(): Promise<JWTVerifyGetKey> {
    this.keys ??= this.discover();
    try {
      return await this.keys;
    } catch (error) {
      // The next token asks again.
      this.keys = undefined;
      throw error;
    }
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    const { timeoutMs, cooldownMs } = this.times;
    const uri = this.config.jwksUri ?? (await jwksUriOf(this.config.issuer, timeoutMs));
    return createRemoteJWKSet(new URL(uri), { timeoutDuration: timeoutMs, cooldownDuration: cooldownMs });
  }
}

async function jwksUriOf(issuer: string, timeoutMs: number): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  try {
    const answer = await fetch(address, { redirect: 'manual', signal: afterMs(timeoutMs), headers: { Accept: 'application/json' } });
    const found = discoverySchema.parse(await answer.json());
    if (found.issuer === issuer) return found.jwks_uri;
  } catch (cause) {
    throw new TriageError('issuer-unavailable', `${address} does not say where the keys are`, { cause });
  }
  throw new TriageError('issuer-unavailable', `${address} is about another issuer than ${issuer}; set issuer in PODTRIAGE_OIDC right`);
}

function callerOf(claims: JWTPayload, config: OidcConfig): Caller {
  const actor = actorOf(claims, config);
  if (actor === undefined) throw new TriageError('unauthorized', `the token does not say who its holder is: ${config.actorClaim}`);
  const held = z
    .union([z.array(z.unknown()), z.string().transform((text) => [text])])
    .catch([])
    .parse(valueAt(claims, config.claim));
  const role = config.roles.find(({ value }) => held.includes(value));
  return { actor, scopes: role?.scopes ?? [], reach: role?.reach ?? [] };
}

/** Names from elsewhere, escaped so that two of them are never the same and none can be taken for another kind of actor. */
function actorOf(claims: JWTPayload, { actorClaim }: OidcConfig): string | undefined {
  const name = valueAt(claims, actorClaim);
  const escaped = typeof name === 'string' ? escapedOf(name) : '';
  return escaped === '' || escaped.length > maxNameLength ? undefined : `oidc:${escaped}`;
}

/** Empty for a text with half a character in it. */
function escapedOf(name: string): string {
  try {
    return encodeURIComponent(name);
  } catch {
    return '';
  }
}
