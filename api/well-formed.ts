/**
 * Makes text of a body what UTF-8 can say: half of a surrogate pair, which JSON can hold, becomes U+FFFD, as bytes that are no UTF-8 do. It has no
 * canonical form, so that custody could not record it; and an alert must not be lost because the suspect has such a name.
 */
export function wellFormed(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value).toString() : value;
}
