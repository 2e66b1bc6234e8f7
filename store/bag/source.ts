import type { Redis } from 'ioredis';
import type { AmendmentLine, StepLine } from '../../playbooks/bag/layout.js';
import { type Artifact, artifactSchema } from '../../playbooks/domain/artifact.js';
import { registerChain } from '../../playbooks/domain/custody.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { parseJson } from '../../playbooks/domain/json.js';
import type { Keys } from '../keys.js';
import { ofRedis, within } from '../of-redis.js';
import { jsonOf, parsed } from '../parsed.js';

/** An artifact and the exact text of its record. */
export interface RecordedArtifact {
  readonly artifact: Artifact;
  readonly record: string;
}

/**
 * What a run has written down, text by text as it was signed. All of it comes in pages, so that no run is too large. What is added meanwhile
 * may be there or not. Throws `redis-unavailable`, and `custody-broken` for a text that cannot be one of ours.
 */
export interface BagSource {
  /** How many entries the chain has, and whether one of them says that the run's evidence was destroyed. */
  now(run: string): Promise<{ readonly entries: number; readonly destroyed: boolean }>;
  /** Each once, in no order. */
  artifacts(run: string): AsyncIterable<RecordedArtifact>;
  steps(run: string): Promise<readonly StepLine[]>;
  /** Each once, in no order. */
  lookups(run: string): AsyncIterable<string>;
  amendments(run: string): Promise<readonly AmendmentLine[]>;
  /** A run's chain, or the register, from entry `from` on to before `to`. */
  chain(run: string, from?: number, to?: number): AsyncIterable<string>;
  /** The entries of the register about a run. */
  register(run: string): AsyncIterable<string>;
}

/** Entries of a chain, and fields of a HASH, that are read at once. */
const page = 250;

/** Reads it out of Redis. */
export class RedisBagSource implements BagSource {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    /** How long Redis may take for a page, in milliseconds. */
    private readonly timeoutMs = 5_000,
  ) {}

  async now(run: string): Promise<{ entries: number; destroyed: boolean }> {
    let entries = 0;
    let destroyed = false;
    for await (const line of this.chain(run)) {
      entries += 1;
      // Canonical JSON has its keys in order.
      destroyed ||= line.startsWith('{"act":"evidence.destroyed",');
    }
    return { entries, destroyed };
  }

  async *artifacts(run: string): AsyncGenerator<RecordedArtifact> {
    for await (const [id, record] of this.fields(this.keys.artifacts(run)))
      yield { artifact: parsed(jsonOf(artifactSchema), record, `artifact ${id} of run ${run}`), record };
  }

  async steps(run: string): Promise<readonly StepLine[]> {
    const { keys } = this;
    const lines = await this.signed(keys.steps(run), keys.finished(run));
    return lines.map(({ field, seq, record }) => ({ step: field, seq, record }));
  }

  async *lookups(run: string): AsyncGenerator<string> {
    for await (const [, record] of this.fields(this.keys.lookups(run))) yield record;
  }

  async amendments(run: string): Promise<readonly AmendmentLine[]> {
    const { keys } = this;
    const lines = await this.signed(keys.amendments(run), keys.amended(run));
    return lines.map(({ field, seq, record }) => ({ version: Number(field), seq, record }));
  }

  async *chain(run: string, from = 0, to = Number.MAX_SAFE_INTEGER): AsyncGenerator<string> {
    for (let at = from; at < to; at += page) {
      const lines = await this.ask((redis) => redis.lrange(this.keys.custody(run), at, Math.min(to, at + page) - 1));
      for (const line of lines) yield oneLine(line, run);
      if (lines.length < page) return;
    }
  }

  async *register(run: string): AsyncGenerator<string> {
    for await (const line of this.chain(registerChain)) if (isAbout(line, run)) yield line;
  }

  /** Records and the places of their signed entries, in the order of these. */
  private async signed(records: string, seqs: string): Promise<{ field: string; seq: number; record: string }[]> {
    const [texts, places] = await this.ask((redis) => Promise.all([redis.hgetall(records), redis.hgetall(seqs)]));
    const lines = Object.entries(texts).map(([field, record]) => ({ field, seq: Number(places[field] ?? Number.NaN), record }));
    const lost = lines.find(({ seq }) => !Number.isSafeInteger(seq));
    if (lost !== undefined) throw new TriageError('custody-broken', `Redis does not say which entry signs the record of ${lost.field}`);
    return lines.sort((a, b) => a.seq - b.seq);
  }

  /** HSCAN may give a field twice. */
  private async *fields(key: string): AsyncGenerator<[string, string]> {
    const seen = new Set<string>();
    for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
      const [next, flat] = await this.ask((redis) => redis.hscan(key, cursor, 'COUNT', page));
      cursor = next;
      for (let at = 0; at + 1 < flat.length; at += 2) {
        const [field = '', value = ''] = flat.slice(at, at + 2);
        if (seen.has(field)) continue;
        seen.add(field);
        yield [field, oneLine(value, field)];
      }
    }
  }

  private ask<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    return within(
      this.timeoutMs,
      ofRedis(() => ask(this.redis)),
    );
  }
}

/** JSON of ours has no line breaks: a text with one would be two lines of the bag. */
function oneLine(text: string, of: string): string {
  if (/[\r\n]/.test(text)) throw new TriageError('custody-broken', `what Redis has of ${of} is not what was written: it has line breaks`);
  return text;
}

function isAbout(line: string, run: string): boolean {
  if (!line.includes(run)) return false;
  const entry = parseJson(line);
  return typeof entry === 'object' && entry !== null && 'subject' in entry && entry.subject === run;
}
