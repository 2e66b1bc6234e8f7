import type { ContentFacts, stringKinds } from '../domain/content.js';
import { safeText } from '../domain/short-text.js';

export type StringKind = (typeof stringKinds)[number];

/** In one file. */
const maxStrings = 40;
/** So many of each kind are kept whatever there is of the others. */
const assured = 10;
/** What is left of the room goes to the kinds in this order. */
const byWeight: readonly StringKind[] = ['pool', 'wallet', 'address', 'url'];

interface Found {
  readonly kind: StringKind;
  readonly text: string;
  readonly offset: number;
}

/** Gathers strings that matter: each once, few of each kind, so that a file full of one kind hides none of the others. */
export class FoundStrings {
  private readonly texts = new Map<StringKind, Map<string, Found>>(byWeight.map((kind) => [kind, new Map()]));
  private cut = false;

  /** @param offset where it stands in the file: the order of the result */
  add(kind: StringKind, raw: string, offset: number): void {
    const known = this.texts.get(kind);
    // Most come often: that is told before they are made safe.
    if (known === undefined || known.has(raw)) return;
    const text = safeText(raw, 200);
    if (known.has(text)) return;
    if (known.size < maxStrings) known.set(text, { kind, text, offset });
    else this.cut = true;
  }

  /** Says that not everything was looked at. */
  cutShort(): void {
    this.cut = true;
  }

  /** What was found, and begins anew. */
  take(): Pick<ContentFacts, 'strings' | 'stringsCut'> {
    const all = byWeight.map((kind) => [...(this.texts.get(kind)?.values() ?? [])]);
    const first = all.flatMap((found) => found.slice(0, assured));
    const more = all.flatMap((found) => found.slice(assured)).slice(0, maxStrings - first.length);
    const strings = [...first, ...more].sort((a, b) => a.offset - b.offset);
    const stringsCut = this.cut || strings.length < all.flat().length;
    for (const known of this.texts.values()) known.clear();
    this.cut = false;
    return { strings: strings.map(({ kind, text }) => ({ kind, text })), stringsCut };
  }
}
