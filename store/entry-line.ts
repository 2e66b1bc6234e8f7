import { sign } from 'node:crypto';
import { z } from 'zod';
import { type Act, type CustodyEntry, sha256Hex } from '../playbooks/domain/custody.js';
import { custodyDetails } from '../playbooks/domain/custody-details.js';
import { entryText } from '../playbooks/domain/entry-text.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { Signer } from './signing-key.js';

const loneSurrogates = /[\ud800-\udfff]/gu;

/** What an entry says, its own hash and signature excepted. */
export type Unsigned = Omit<CustodyEntry, 'hash' | 'sig'>;

/** Hashes and signs an entry, and gives its line of the chain: canonical JSON (RFC 8785). */
export function signedLine(unsigned: Unsigned, { privateKey }: Pick<Signer, 'privateKey'>): { readonly entry: CustodyEntry; readonly line: string } {
  const text = entryText(unsigned);
  const hash = sha256Hex(text.hashed);
  const sig = sign(null, Buffer.from(hash, 'hex'), privateKey).toString('base64url');
  return { entry: { ...unsigned, hash, sig }, line: text.line(hash, sig) };
}

/**
 * What an entry says of an act: its detail as the schema of the act has it, and text that has a canonical form.
 * Throws `internal` for a detail that breaks its schema: whoever wrote it is wrong.
 */
export function bodyOf({ act, subject, detail }: Act): Pick<CustodyEntry, 'act' | 'subject' | 'detail'> {
  const said = custodyDetails[act].safeParse(detail);
  if (!said.success) throw new TriageError('internal', `the detail of ${act} is not what it should be: ${z.prettifyError(said.error)}`);
  return { act, ...(subject === undefined ? {} : { subject: wellFormed(subject) }), detail: tidy(said.data) };
}

/** Text from outside must not stop the chain: a lone surrogate has no canonical form. */
function wellFormed(text: string): string {
  return text.replaceAll(loneSurrogates, '\ufffd');
}

function tidy(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [wellFormed(name), tidied(inner)]));
}

function tidied(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (Array.isArray(value)) return value.map(tidied);
  return typeof value === 'object' && value !== null ? tidy(value) : value;
}
