import { safeText } from '../domain/short-text.js';

/** The kernel reads no more of a first line (execve(2), BINPRM_BUF_SIZE). */
const lineBytes = 256;

/** What a script's first line asks for, `env` being resolved to what it runs (env(1)); undefined when the file is no script. */
export function interpreterOf(head: Buffer): string | undefined {
  if (head.toString('latin1', 0, 2) !== '#!') return undefined;
  const line = head.toString('utf8', 2, lineBytes).split(/[\n\r\0]/, 1)[0] ?? '';
  const words = line.split(/[ \t]+/).filter((word) => word !== '');
  return safeText((isEnv(words[0]) ? afterEnv(words.slice(1)) : words).join(' '), 200);
}

function isEnv(word: string | undefined): boolean {
  return word !== undefined && (word === 'env' || word.endsWith('/env'));
}

/** Without options of env and settings of the environment. */
function afterEnv(words: readonly string[]): readonly string[] {
  let at = 0;
  for (let word = words[at]; word !== undefined; word = words[at]) {
    if (/^-[uC]$|^--(?:unset|chdir)$/.test(word)) at += 2;
    else if (word.startsWith('-S') && word.length > 2) return [word.slice(2), ...words.slice(at + 1)];
    else if (word.startsWith('-') || /^[A-Za-z_]\w*=/.test(word)) at += 1;
    else break;
  }
  return words.slice(at);
}
