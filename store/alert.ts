import type { TriageError } from '../playbooks/domain/error.js';
import { RecentMap } from '../playbooks/domain/recent.js';

/** Where a broken thing was found. */
export interface AlertPlace {
  readonly run?: string;
  readonly step?: string;
  /** What was not believed, in a few words: `the answer about a hash`, `a job`. */
  readonly what: string;
}

/** Tells the operator that something in Redis was refused. */
export type Alert = (error: TriageError, place: AlertPlace) => void;

interface ErrorLog {
  error(detail: object, message: string): void;
}

/** So many are remembered, so that what is looked at again and again does not flood the log. */
const maxRemembered = 1_000;

/** Writes each alert once, as one line at level `error` with `code`, `run` and `what`. */
export function alertTo(log: ErrorLog): Alert {
  const told = new RecentMap<string, true>(maxRemembered);
  return ({ code, message }, place) => {
    const key = JSON.stringify([place, message]);
    if (told.has(key)) return;
    told.set(key, true);
    log.error({ code, ...place }, message);
  };
}
