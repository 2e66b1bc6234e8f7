import { createHash } from 'node:crypto';
import { z } from 'zod';
import { shortText } from '../../playbooks/domain/short-text.js';
import { type Alert, type AlertPriority, alertPriorities, alertSchema } from '../../playbooks/domain/trigger.js';

/** Something that a source told and that starts nothing, and why. */
export interface Ignored {
  readonly reason: string;
  /** Name of the detection rule, if it is known. Safe to print. */
  readonly rule?: string;
}

/** What an intake understands of a body. */
export interface Heard {
  readonly alerts: readonly Alert[];
  readonly ignored: readonly Ignored[];
}

/** What an intake must be told to understand a body. */
export interface Hearing {
  /** The cluster of alerts that name none. */
  readonly cluster: string;
  /** When the body came in. */
  readonly now: Date;
}

/**
 * Reads the body of one kind of source, already parsed as JSON. Pure. What a real sender leaves out, sends as null or calls otherwise is borne;
 * throws a ZodError (400) for what is none of this source's bodies.
 */
export type Intake = (body: unknown, hearing: Hearing) => Heard;

/** Any text of a source; absent, null, empty, of another type and Falco's `<NA>` are all the same: nothing. */
export const maybeText = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' && value.trim() !== '' && value !== '<NA>' ? value.trim() : undefined));

/** Free fields by name; anything else than an object is none. */
export const maybeFields = z
  .unknown()
  .optional()
  .transform(
    (value): ReadonlyMap<string, unknown> =>
      new Map(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []),
  );

/** The first of these fields that has a text. */
export function textOf(fields: ReadonlyMap<string, unknown>, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const text = maybeText.parse(fields.get(name));
    if (text !== undefined) return text;
  }
  return undefined;
}

const common: Readonly<Record<string, AlertPriority>> = { info: 'informational', warn: 'warning', err: 'error', crit: 'critical', none: 'debug' };

/** A source's word for urgency; `own` is the configuration's. A word that nobody knows, or none, is a warning: an alert is not lost for it. */
export function priorityFrom(word: string | undefined, own: Readonly<Record<string, AlertPriority>> = {}): AlertPriority {
  const text = word?.toLowerCase() ?? '';
  const said = Object.entries(own).find(([name]) => name.toLowerCase() === text)?.[1];
  return said ?? alertPriorities.find((name) => name === text) ?? (Object.hasOwn(common, text) ? common[text] : undefined) ?? 'warning';
}

/** When something was, by what the source says, else by when it came in: ISO 8601. */
export function timeFrom(text: string | undefined, now: Date): string {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  const [earliest, latest] = [Date.UTC(2000), now.getTime() + 86_400_000];
  return new Date(ms >= earliest && ms <= latest ? ms : now.getTime()).toISOString();
}

/** The digest that tells an alert that is told again. */
export function fingerprintOf(...parts: readonly (string | undefined)[]): string {
  const wellFormed = parts.map((part) => (part === undefined ? null : Buffer.from(part).toString()));
  return createHash('sha256').update(JSON.stringify(wellFormed)).digest('hex');
}

/** What a source says of where the suspect is. */
export interface Claimed {
  readonly cluster: string;
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
  readonly container?: string | undefined;
  readonly uid?: string | undefined;
  readonly containerId?: string | undefined;
  readonly node?: string | undefined;
}

/** Pod uids of the API server. Kubelet's own ones of static pods look otherwise, and are not the API server's. */
const uidShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The alert, or why it starts nothing: who sends it can say anything of a pod's name. */
export function alertOf(
  told: Omit<Alert, 'suspect' | 'rule' | 'summary'> & { readonly rule: string; readonly summary?: string | undefined },
  at: Claimed,
): Alert | Ignored {
  const { rule, summary, ...rest } = told;
  const card = { ...rest, rule: shortText(rule, 500), ...(summary === undefined ? {} : { summary: shortText(summary, 2_000) }) };
  const candidates = [podOf(at), containerOf(at)].filter((suspect) => suspect !== undefined);
  for (const suspect of candidates) {
    const alert = alertSchema.safeParse({ ...card, suspect });
    if (alert.success) return alert.data;
  }
  const reason =
    candidates.length === 0 ? 'it names neither a pod with its namespace nor a container' : 'what it says of the pod is no name in Kubernetes';
  return { reason, rule: card.rule };
}

function podOf({ cluster, namespace, pod, container, uid }: Claimed): object | undefined {
  if (namespace === undefined || pod === undefined) return undefined;
  const isLabel = container !== undefined && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(container);
  const target = { cluster, namespace, pod, ...(isLabel ? { container } : {}) };
  return { target, ...(uid !== undefined && uidShape.test(uid) ? { uid: uid.toLowerCase() } : {}) };
}

function containerOf({ cluster, containerId, node }: Claimed): object | undefined {
  const id = containerId?.replace(/^[a-z-]+:\/\//, '').toLowerCase();
  if (id === undefined || !/^[0-9a-f]{12,64}$/.test(id)) return undefined;
  return { containerId: { cluster, id, ...(node !== undefined && /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/.test(node) ? { node } : {}) } };
}

/** Sorts what came out of a body. */
export function heardOf(all: readonly (Alert | Ignored)[]): Heard {
  return {
    alerts: all.flatMap((each) => ('suspect' in each ? [each] : [])),
    ignored: all.flatMap((each) => ('suspect' in each ? [] : [each])),
  };
}
