import type { Html } from './safe-html.js';

/** A part of the page: where links lead, what it is called, how many things are in it, and what it says. */
export interface Part {
  readonly id: string;
  readonly title: string;
  readonly count?: number;
  readonly body: Html;
}
