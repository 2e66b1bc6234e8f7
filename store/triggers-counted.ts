import { shortText } from '../playbooks/domain/short-text.js';

/** How many alerts there were about something. Times are ISO 8601, those of when the alerts came in. */
export interface Counted {
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** By name of the detection rule, most frequent first. */
  readonly rules: readonly { readonly rule: string; readonly count: number }[];
  /** Alerts of further rules: only the first 50 names are kept. Absent: none. */
  readonly others?: number;
}

const namePrefix = 'rule:';

/** Reads the HASH that alerts are counted on; undefined where none was. What somebody else has written into it is not shown. */
export function countedOf(hash: Readonly<Record<string, string>>): Counted | undefined {
  const [count, first, last, others] = ['count', 'first', 'last', 'others'].map((name) => wholeOf(hash[name]));
  if (count === undefined || first === undefined || last === undefined) return undefined;
  const rules = Object.entries(hash).flatMap(([name, value]) => {
    const times = name.startsWith(namePrefix) ? wholeOf(value) : undefined;
    return times === undefined ? [] : [{ rule: shortText(name.slice(namePrefix.length), 500), count: times }];
  });
  rules.sort((a, b) => b.count - a.count || (a.rule < b.rule ? -1 : 1));
  const [from, to] = [first, last].map((ms) => new Date(ms).toISOString());
  return { count, first: from ?? '', last: to ?? '', rules: rules.slice(0, 50), ...(others === undefined ? {} : { others }) };
}

function wholeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,14}$/.test(text) ? Number(text) : undefined;
}
