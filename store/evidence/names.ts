import { TriageError } from '../../playbooks/domain/error.js';

/** Where content is in a store, from its root: `sha256/ab/<62 digits>`. Throws `invalid-request` for what is no sha256 in lower-case hex. */
export function placeOf(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TriageError('invalid-request', 'evidence is named by 64 lower-case hex digits');
  return `sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`;
}

/** The sha256 that a place is of; undefined for what is no place of content. */
export function nameOf(place: string): string | undefined {
  const parts = /^sha256\/([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(place);
  return parts === null ? undefined : `${parts[1] ?? ''}${parts[2] ?? ''}`;
}
