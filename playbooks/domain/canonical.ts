import canonicalize from 'canonicalize';
import { TriageError } from './error.js';

/** JSON in canonical form (RFC 8785). Throws `invalid-request` for what has none: NaN, lone surrogates. */
export function canonical(value: unknown): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new TriageError('invalid-request', 'value has no canonical JSON form', { cause });
  }
  throw new TriageError('invalid-request', 'value has no canonical JSON form');
}
