/**
 * The pattern language of rules: `*` and `?` within one name, `{a,b}` for one of several, a double star at the start (`**` + `/`) for any
 * directory and at the end for all below. Nothing else, so that a hostile name costs at most time in proportion to its length.
 */
const segment = String.raw`[\w.+@ ,{}?*-]+`;
const grammar = new RegExp(`^/?(\\*\\*/)?${segment}(/${segment})*(/\\*\\*)?$`);

/** Says what is wrong with a pattern, or undefined. */
export function globProblem(pattern: string): string | undefined {
  if (!grammar.test(pattern)) return 'must be ASCII names between slashes, with ** only as first or last name';
  const body = pattern.replace(/^\/?\*\*\//, '').replace(/\/\*\*$/, '');
  if (body.includes('**')) return 'may use ** only as first or last name';
  if (body.split('/').some((name) => name.replaceAll(/[^*]/g, '').length > 2)) return 'may use * at most twice in one name';
  if (/[{},]/.test(body.replaceAll(/\{[^{}/]*\}/g, ''))) return 'has a brace or a comma that belongs to no {a,b} within one name';
  return undefined;
}

/** Compiles checked patterns to one expression over latin1 text, blind to case. */
export function compileGlobs(patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.map(sourceOf).join('|')})$`, 'i');
}

function sourceOf(pattern: string): string {
  const anyDirectory = /^\/?\*\*\//.test(pattern);
  const allBelow = pattern.endsWith('/**');
  const body = pattern.replace(/^\/?\*\*\//, '').replace(/\/\*\*$/, '');
  return `${anyDirectory ? '(?:[^]*/)?' : ''}${nameSource(body)}${allBelow ? '/[^]+' : ''}`;
}

function nameSource(body: string): string {
  return body.replaceAll(/[*?{},]|[^*?{},]+/g, (part) => {
    switch (part) {
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      case '{':
        return '(?:';
      case '}':
        return ')';
      case ',':
        return '|';
      default:
        return part.replaceAll(/[.+$^()[\]\\|]/g, '\\$&');
    }
  });
}
