/** A moment as hours and minutes, in UTC as all that is stored; with its day when that is not `now`'s. */
export function clockText(iso: string, now: number): string {
  const text = new Date(iso).toISOString();
  const today = new Date(now).toISOString().slice(0, 10);
  return `${text.startsWith(today) ? '' : `${text.slice(0, 10)} `}${text.slice(11, 16)} UTC`;
}

/** How long it is until then, as exactly as an estimate deserves: `about 14 min`. */
export function untilText(iso: string, now: number): string {
  const seconds = Math.ceil((Date.parse(iso) - now) / 1_000);
  if (seconds <= 0) return 'a moment';
  if (seconds < 60) return `about ${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `about ${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `about ${hours} h` : `about ${Math.round(hours / 24)} days`;
}

const sameMs = 60_000;

/** Whether an expected time is another one: there or not, or off by more than a minute. */
export function hasMoved(before: string | undefined, eta: string | undefined): boolean {
  if (before === undefined || eta === undefined) return before !== eta;
  return Math.abs(Date.parse(eta) - Date.parse(before)) > sameMs;
}
