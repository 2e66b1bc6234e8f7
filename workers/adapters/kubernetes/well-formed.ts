import type { JsonValue } from '../../../playbooks/domain/json.js';

/** Replaces lone surrogates, which JSON can carry and UTF-8 cannot, by U+FFFD: in keys too, at any depth. */
export function wellFormed(value: JsonValue): JsonValue {
  if (typeof value === 'string') return wellFormedText(value);
  if (isList(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries makes own properties of all names, `__proto__` included.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [wellFormedText(key), inner === undefined ? null : wellFormed(inner)]));
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function wellFormedText(text: string): string {
  return text.replace(/\p{Cs}/gu, '\uFFFD');
}
