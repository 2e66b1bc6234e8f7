const tags = new Set(
  'html head meta title style body a header main footer nav section div p h1 h2 h3 dl dt dd ul ol li table caption thead tbody tr th td code span small strong time br'.split(
    ' ',
  ),
);
const empty = new Set(['meta', 'br']);
const attributes = new Set(
  'lang charset http-equiv content name class href id aria-label aria-labelledby role tabindex scope datetime rel'.split(' '),
);
const tag = /^<(\/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"<>]*")*)>$/;

/** What a strict reader of the few things that a report may be made of finds in it. */
export interface Read {
  readonly text: string;
  readonly links: readonly string[];
  readonly ids: readonly string[];
}

/** Reads HTML by a grammar far smaller than a browser's: known elements, quoted attributes, all closed. Throws where anything else stands. */
export function readStrictly(html: string): Read {
  const body = html.replace(/^<!DOCTYPE html>\n/, '').replace(/<style>[^<]*<\/style>/, '');
  const open: string[] = [];
  const [links, ids]: [string[], string[]] = [[], []];
  let text = '';
  for (const token of body.match(/<[^>]*>|[^<]+|</g) ?? []) {
    if (!token.startsWith('<')) {
      if (token.includes('>')) throw new Error(`a ">" in text: ${JSON.stringify(token)}`);
      text += decoded(token);
      continue;
    }
    const [, slash, name = '', given = ''] = tag.exec(token) ?? [];
    if (slash === undefined || !tags.has(name)) throw new Error(`no element of a report: ${token}`);
    for (const [, key = '', value = ''] of given.matchAll(/ ([a-z-]+)="([^"]*)"/g)) {
      if (!attributes.has(key)) throw new Error(`no attribute of a report: ${token}`);
      if (key === 'href') links.push(decoded(value));
      if (key === 'id') ids.push(value);
    }
    if (slash === '/') {
      const last = open.pop();
      if (last !== name) throw new Error(`</${name}> closes <${last ?? ''}>`);
    } else if (!empty.has(name)) open.push(name);
  }
  if (open.length > 0) throw new Error(`left open: ${open.join(' ')}`);
  return { text, links, ids };
}

const entities: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };

function decoded(text: string): string {
  return text.replaceAll(/&[^;]{0,10};?/g, (entity) => {
    const character = entities[entity];
    if (character === undefined) throw new Error(`no entity of a report: ${entity}`);
    return character;
  });
}
