import { z } from 'zod';
import { rightsSchema } from '../playbooks/domain/access.js';

/** A pointer (RFC 6901) into the claims of a token. */
const pointer = z.string().regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON pointer such as /groups');

/** Keys that come over the network in the clear could be anybody's; on this machine they cannot. */
const address = z.url().refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname));
}, 'must be https://');

/** Whose tokens are taken, and what they are worth: the file PODTRIAGE_OIDC. */
export const oidcSchema = z.strictObject({
  /** As `iss` of the tokens has it, to the letter. */
  issuer: address,
  audience: z.string().min(1).max(500),
  /** Where its keys are; without it the issuer is asked (OpenID Connect Discovery). */
  jwksUri: address.optional(),
  /** Where a token has its roles or groups: a text, or a list of texts. */
  claim: pointer,
  /** The first role of these that a token has is what counts; the others add nothing. */
  roles: z
    .array(z.intersection(rightsSchema, z.object({ value: z.string().min(1).max(500) })))
    .min(1)
    .max(100),
  /** Where it has who he is, as custody will name him. */
  actorClaim: pointer.default('/sub'),
});
export type OidcConfig = z.output<typeof oidcSchema>;
