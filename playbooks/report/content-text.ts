import type { ContentFacts, ElfFacts } from '../domain/content.js';
import { safeText } from '../domain/short-text.js';
import { countOf } from '../judgement/words.js';

const maxText = 400;
const maxStrings = 4;
/** From here on bytes look packed or encrypted, unless their type says that they are. */
const highEntropy = 7.2;

/** What the heaviest of these is for a hunter: pools before addresses. */
const order = { pool: 0, wallet: 1, url: 2, address: 3 } as const;

/** Types that say no more than an artifact's own content does. */
const plain = /^(text|data|empty|php|script)$/i;

/**
 * What bytes say of themselves beyond what kind of content they are, in one line that is safe to print; empty when that is nothing.
 * Such as `static, packed (section UPX0), x86-64; pool stratum+tcp://...`.
 */
export function contentText(facts: ContentFacts): string {
  return safeText([typeText(facts), ...stringTexts(facts)].filter((part) => part !== '').join('; '), maxText);
}

function typeText({ type, elf, interpreter, entropy }: ContentFacts): string {
  if (elf !== undefined) return elfText(elf);
  if (interpreter !== undefined) return `script for ${safeText(interpreter, 80)}`;
  if (type === 'data' && entropy >= highEntropy) return `data, entropy ${entropy.toFixed(2)} of 8`;
  return plain.test(type) ? '' : type;
}

function elfText({ machine, kind, static: isStatic, stripped, packed }: ElfFacts): string {
  const words = [
    kind === 'executable' ? '' : kind === 'shared' ? 'shared object' : kind,
    isStatic ? 'static' : '',
    stripped === true ? 'stripped' : '',
    packed === undefined ? '' : `packed (${packed})`,
    machine,
  ];
  return words.filter((word) => word !== '').join(', ');
}

function stringTexts({ strings, stringsCut }: ContentFacts): string[] {
  const ranked = strings.map((each, index) => ({ ...each, index })).sort((a, b) => order[a.kind] - order[b.kind] || a.index - b.index);
  const shown = ranked.slice(0, maxStrings).map(({ kind, text }) => `${kind} ${safeText(text, 80)}`);
  const more = ranked.length - shown.length;
  return more === 0 ? shown : [...shown, `${stringsCut ? 'at least ' : ''}${countOf(more, 'more string')} of this kind`];
}
