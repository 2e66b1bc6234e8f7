import { hash, type KeyObject, verify as verifySignature } from 'node:crypto';
import { z } from 'zod';
import type { DetailOf } from './custody-details.js';
import { entryText } from './entry-text.js';
import { RecentMap } from './recent.js';

/** Every act that custody can hold. */
export const custodyActs = [
  'run.requested',
  'run.triggered',
  'run.cancel-requested',
  'step.started',
  'step.finished',
  'step.failed',
  'step.skipped',
  'command.started',
  'command.finished',
  'cluster.request',
  'cluster.answered',
  'artifact.stored',
  'artifact.known',
  'artifact.left',
  'artifact.discarded',
  'artifact.upload-consented',
  'artifact.uploaded',
  'artifact.upload-failed',
  'lookup.answered',
  'node.tools',
  'report.written',
  'run.amended',
  'run.checkpoint',
  'result.delivered',
  'result.undeliverable',
  'evidence.read',
  'evidence.held',
  'evidence.released',
  'evidence.destroyed',
  'run.opened',
  'run.reported',
  'key.made',
  'key.rotated',
  'key.revoked',
] as const;
export type CustodyAct = (typeof custodyActs)[number];

/**
 * The chain that all runs of an installation share: when each was opened, what its chain was when it was sealed, and whose evidence was
 * destroyed. What becomes of API keys is there, too. It stands where a run's id would; no run has this id.
 */
export const registerChain = 'register';

/** The end of a chain: how many entries it has, and the hash of the last; both as in an empty chain at first. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** An act that tells of the chain itself: it is made for the head that it will stand on. */
export type ActOnHead = (head: Head) => Act | Promise<Act>;

/** What a writer says of one act; the store adds id, place in the chain, hash and signature. */
export type Act = { [A in CustodyAct]: OneAct<A> }[CustodyAct];

interface OneAct<A extends CustodyAct> {
  readonly act: A;
  /** What the act was done to: a step, an artifact id, a node. Safe text. */
  readonly subject?: string;
  /** Ids, digests and counts. Personal or long details live in artifacts. */
  readonly detail: DetailOf<A>;
}

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

/** One signed link of a run's chain. `prev` is empty for entry 0. */
export const custodyEntrySchema = z.strictObject({
  id: z.uuid(),
  seq: z.int().nonnegative(),
  at: z.iso.datetime(),
  run: z.string(),
  actor: z.string(),
  by: z.string(),
  act: z.enum(custodyActs),
  subject: z.string().optional(),
  detail: z.record(z.string(), z.unknown()),
  prev: z.union([hex64, z.literal('')]),
  hash: hex64,
  sig: z.string(),
});
export type CustodyEntry = z.output<typeof custodyEntrySchema>;

/** sha256, lower case hex. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data);
}

/** The hash of an entry: sha256 over the canonical JSON of its fields, `hash` and `sig` excepted. */
export function entryHash(entry: Omit<CustodyEntry, 'hash' | 'sig'>): string {
  return sha256Hex(entryText(entry).hashed);
}

/** A broken chain: the first bad entry and what is wrong with it. */
export type ChainVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: string }
  | { readonly ok: false; readonly at: number; readonly problem: string };

/** An act that was sent twice stands close to its first place: so many ids are remembered, whatever the length of the chain. */
export const rememberedIds = 4_096;

/** Lines whose entries are known to be good by themselves, such as those that were signed here. */
export interface KnownLines {
  entryOf(line: string): CustodyEntry | undefined;
}

/** Checks a chain entry by entry, so that a long one need not be in memory nor hold up the event loop. */
export class ChainCheck {
  #seq = 0;
  #prev = '';
  readonly #ids = new RecentMap<string, true>(rememberedIds);
  #broken: (ChainVerdict & { ok: false }) | undefined;

  /**
   * @param keys public keys by `kid`
   * @param known lines whose hash and signature need no check
   */
  constructor(
    private readonly run: string,
    private readonly keys: ReadonlyMap<string, KeyObject>,
    private readonly known?: KnownLines,
  ) {}

  /** Takes the next entry, one line of JSON, and gives it parsed. Undefined once the chain is broken; what follows is then not looked at. */
  add(line: string): CustodyEntry | undefined {
    if (this.#broken !== undefined) return undefined;
    const entry = checkEntry(this.run, line, { seq: this.#seq, prev: this.#prev, ids: this.#ids }, this.keys, this.known);
    if (typeof entry === 'string') {
      this.#broken = { ok: false, at: this.#seq, problem: entry };
      return undefined;
    }
    this.#prev = entry.hash;
    this.#seq += 1;
    this.#ids.set(entry.id, true);
    return entry;
  }

  /** What is known of the chain so far. */
  verdict(): ChainVerdict {
    if (this.#broken !== undefined) return this.#broken;
    if (this.#seq === 0) return { ok: false, at: 0, problem: 'the chain is empty' };
    return { ok: true, entries: this.#seq, head: this.#prev };
  }
}

/**
 * Checks a chain offline: sequence, links, hashes and signatures.
 * @param lines one entry of JSON each, in order
 * @param keys public keys by `kid`
 */
export function verifyChain(run: string, lines: Iterable<string>, keys: ReadonlyMap<string, KeyObject>): ChainVerdict {
  const check = new ChainCheck(run, keys);
  for (const line of lines) if (check.add(line) === undefined) break;
  return check.verdict();
}

/** Where an entry must stand. */
export interface Expected {
  readonly seq: number;
  readonly prev: string;
  readonly ids: { has(id: string): boolean };
}

/**
 * Checks one line of a chain at its place, and gives the entry or what is wrong with it.
 * @param known lines whose hash and signature need no check
 */
export function checkEntry(
  run: string,
  line: string,
  expected: Expected,
  keys: ReadonlyMap<string, KeyObject>,
  known?: KnownLines,
): CustodyEntry | string {
  const own = known?.entryOf(line);
  const parsed = own === undefined ? parseEntry(line) : { entry: own, hashed: undefined };
  if (typeof parsed === 'string') return parsed;
  const { entry, hashed } = parsed;
  if (entry.run !== run) return `belongs to run ${entry.run}`;
  if (entry.seq !== expected.seq) return `has sequence ${entry.seq}, expected ${expected.seq}`;
  if (entry.prev !== expected.prev) return 'does not follow the entry before it';
  if (expected.ids.has(entry.id)) return 'repeats the id of an earlier entry';
  if (hashed !== undefined && sha256Hex(hashed) !== entry.hash) return 'has been altered: its hash does not fit its content';
  const key = keys.get(entry.by);
  if (key === undefined) return `is signed by an unknown key ${entry.by}`;
  if (hashed !== undefined && !isSignedBy(entry.hash, entry.sig, key)) return 'has a wrong signature';
  return entry;
}

function isSignedBy(hash: string, sig: string, key: KeyObject): boolean {
  const signature = Buffer.from(sig, 'base64url');
  // Other texts stand for the same bytes: the last digit has bits to spare.
  return signature.toString('base64url') === sig && verifySignature(null, Buffer.from(hash, 'hex'), key, signature);
}

/** An entry and the text that its hash is of, or what is wrong with its line. */
function parseEntry(line: string): { readonly entry: CustodyEntry; readonly hashed: string } | string {
  try {
    const entry = custodyEntrySchema.safeParse(JSON.parse(line));
    if (!entry.success) return `is malformed: ${z.prettifyError(entry.error)}`;
    const text = entryText(entry.data);
    if (text.line(entry.data.hash, entry.data.sig) !== line) return 'is not in canonical form';
    return { entry: entry.data, hashed: text.hashed };
  } catch {
    return 'is not JSON';
  }
}
