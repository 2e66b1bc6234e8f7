import type { Redis } from 'ioredis';
import { z } from 'zod';
import { lookupSchema } from '../playbooks/domain/lookup.js';
import { type UploadFile, type UploadOutcome, uploadOutcomeSchema } from '../playbooks/domain/upload.js';
import type { Keys } from './keys.js';
import type { SignedTexts, TextPlace } from './signed-text.js';

const sentSchema = z.object({
  /** The run that has sent it. */
  run: z.string(),
  /** Id of the key that it was sent with. */
  key: z.string(),
  analysis: z.string(),
  sentAt: z.iso.datetime(),
  /** How often the source was asked about the analysis, and when it may be again, in ms since the epoch. */
  polls: z.int().nonnegative(),
  nextAt: z.number(),
  analysed: z.boolean(),
  /** What the source says of the file since; absent before. */
  lookup: lookupSchema.optional(),
});
/** A file that a source has accepted. */
export type SentFile = z.output<typeof sentSchema>;

/** Where a large file may be sent, and with which key that was asked for. */
const placeSchema = z.object({ key: z.string(), url: z.string() });
export type UploadPlace = z.output<typeof placeSchema>;

/** No file is sent again within this time, whatever runs ask for it. */
const sentTtlSeconds = 86_400;
const runTtlSeconds = 2 * 86_400;

/** Stands for the run of a claim that no worker has signed: whether somebody has sent the file nobody can say. */
export const forgedClaim = 'forged';

type Named = Pick<UploadFile, 'sha256' | 'mode'>;

/**
 * What was given to a source, so that no file is sent twice, and what a run has settled about its uploads while it waits. A claim without
 * a {@link SentFile} is one that was sent perhaps: by a worker that was lost in the act. What is reported of an upload is signed.
 */
export class Uploads {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly texts: SignedTexts,
  ) {}

  /** Claims a file for sending; false when there is a claim already. */
  async claim(file: Named, run: string): Promise<boolean> {
    const claim = this.texts.sign(claimPlace(file), run);
    return (await this.redis.set(this.keys.uploadClaim(idOf(file)), claim, 'EX', sentTtlSeconds, 'NX')) === 'OK';
  }

  /** Nobody knows whether the source has the file: nobody sends it again. */
  async doubt(file: Named): Promise<void> {
    await this.redis.set(this.keys.uploadClaim(idOf(file)), this.texts.sign(claimPlace(file), 'unknown'), 'EX', sentTtlSeconds);
  }

  /** Gives a claim back: the source does not have the file. */
  async release(file: Named): Promise<void> {
    await this.redis.del(this.keys.uploadClaim(idOf(file)));
  }

  /** The run that has claimed the file, `unknown` or {@link forgedClaim}, and the file as the source has accepted it. */
  async sent(file: Named): Promise<{ readonly claimedBy?: string; readonly sent?: SentFile }> {
    const [claim, text] = await this.redis.mget(this.keys.uploadClaim(idOf(file)), this.keys.upload(idOf(file)));
    // A claim that is not believed stays: the file is not sent again because of it.
    const claimedBy = claim == null ? undefined : ((await this.texts.read(claimPlace(file), z.string(), claim, stays)) ?? forgedClaim);
    const sent = await this.texts.read(sentPlace(file), sentSchema, text, () => this.redis.del(this.keys.upload(idOf(file))));
    return { ...(claimedBy === undefined ? {} : { claimedBy }), ...(sent === undefined ? {} : { sent }) };
  }

  async keepSent(file: Named, sent: SentFile): Promise<void> {
    await this.redis.set(this.keys.upload(idOf(file)), this.texts.sign(sentPlace(file), sent, sentTtlSeconds), 'EX', sentTtlSeconds);
  }

  /** What has become of a run's files, by sha256. */
  async outcomes(run: string, files: readonly Named[]): Promise<ReadonlyMap<string, UploadOutcome>> {
    if (files.length === 0) return new Map();
    const key = this.keys.uploads(run);
    const texts = await this.redis.hmget(key, ...files.map(({ sha256 }) => sha256));
    const outcomes = new Map<string, UploadOutcome>();
    for (const [at, file] of files.entries()) {
      const outcome = await this.texts.read(outcomePlace(run, file), uploadOutcomeSchema, texts[at], () => this.redis.hdel(key, file.sha256));
      if (outcome !== undefined) outcomes.set(file.sha256, outcome);
    }
    return outcomes;
  }

  async keepOutcome(run: string, file: Named, outcome: UploadOutcome): Promise<void> {
    await this.note(run, file.sha256, this.texts.sign(outcomePlace(run, file), outcome, runTtlSeconds));
  }

  /** When the run began to wait for its uploads: now, if it had not. ISO 8601. */
  async since(run: string, now: string): Promise<string> {
    await this.redis.hsetnx(this.keys.uploads(run), 'since', now);
    await this.redis.expire(this.keys.uploads(run), runTtlSeconds);
    return (await this.redis.hget(this.keys.uploads(run), 'since')) ?? now;
  }

  /** Whether the run's custody says that the source has the file. */
  async isTold(run: string, file: Named): Promise<boolean> {
    return (await this.redis.hexists(this.keys.uploads(run), this.toldMark(file))) === 1;
  }

  /** What marks that: set together with the entry. */
  toldMark({ sha256 }: Named): string {
    return `told.${sha256}`;
  }

  /** Counts what has failed for a file of a run; returns how often by now. */
  failures(run: string, { sha256 }: Named): Promise<number> {
    return this.redis.hincrby(this.keys.uploads(run), `failed.${sha256}`, 1);
  }

  /** Where the source lets a run send one large file; it is taken away, as it is good for one use. */
  async takePlace(run: string, file: Named): Promise<UploadPlace | undefined> {
    const key = this.keys.uploads(run);
    const text = await this.redis.hget(key, `place.${file.sha256}`);
    if (text === null) return undefined;
    await this.redis.hdel(key, `place.${file.sha256}`);
    return this.texts.read(uploadPlace(run, file), placeSchema, text, stays);
  }

  async keepPlace(run: string, file: Named, place: UploadPlace): Promise<void> {
    await this.note(run, `place.${file.sha256}`, this.texts.sign(uploadPlace(run, file), place, runTtlSeconds));
  }

  private async note(run: string, field: string, value: string): Promise<void> {
    await this.redis.hset(this.keys.uploads(run), field, value);
    await this.redis.expire(this.keys.uploads(run), runTtlSeconds);
  }
}

function idOf({ sha256, mode }: Named): string {
  return `${mode}.${sha256}`;
}

function stays(): Promise<void> {
  return Promise.resolve();
}

function claimPlace(file: Named): TextPlace {
  return { purpose: 'upload-claim', about: idOf(file) };
}

function sentPlace(file: Named): TextPlace {
  return { purpose: 'sent-file', about: idOf(file) };
}

function outcomePlace(run: string, file: Named): TextPlace {
  return { purpose: 'upload-outcome', about: `${run} ${idOf(file)}`, run };
}

function uploadPlace(run: string, file: Named): TextPlace {
  return { purpose: 'upload-place', about: `${run} ${idOf(file)}`, run };
}
