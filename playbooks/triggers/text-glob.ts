/**
 * Says whether a text fits a pattern, blind to case: `*` stands for any characters, `?` for one, all else for itself. Never more than length of
 * pattern times length of text steps, as the text can be a stranger's.
 */
export function fitsGlob(pattern: string, text: string): boolean {
  const [wanted, given] = [Array.from(pattern.toLowerCase()), Array.from(text.toLowerCase())];
  let at = 0;
  let next = 0;
  // Where the last star was, and how much of the text it stands for so far.
  let star = -1;
  let taken = 0;
  while (at < given.length) {
    if (wanted[next] === '*') {
      star = next;
      taken = at;
      next += 1;
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === given[at])) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      taken += 1;
      at = taken;
      next = star + 1;
    } else return false;
  }
  return wanted.slice(next).every((character) => character === '*');
}
