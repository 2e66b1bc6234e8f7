import { TriageError } from '../../domain/error.js';

/**
 * Writes an argv as one line of POSIX sh that yields exactly these arguments: every word in single quotes, so that nothing
 * in it is an alias, a keyword, an assignment or an expansion (POSIX.1-2017, Shell Command Language, 2.2.2).
 * Throws `invalid-request` for an empty argv, for NUL (no argument can carry one) and for text that is not well-formed Unicode.
 */
export function quote(argv: readonly string[]): string {
  if (argv.length === 0) throw new TriageError('invalid-request', 'cannot quote a command without words');
  return argv.map(quoteWord).join(' ');
}

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new TriageError('invalid-request', 'an argument of a command contains NUL: send such data on stdin');
  if (/\p{Cs}/u.test(word)) throw new TriageError('invalid-request', 'an argument of a command is not well-formed Unicode: send such data on stdin');
  return `'${word.replaceAll("'", "'\\''")}'`;
}
