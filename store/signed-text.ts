import { createHash, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { canonical } from '../playbooks/domain/canonical.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import { RecentMap } from '../playbooks/domain/recent.js';
import type { Alert } from './alert.js';
import type { TrustedKeys } from './public-keys.js';
import type { KeyRole, Signer } from './signing-key.js';

/** Where a text stands: its signature counts there and nowhere else. */
export interface TextPlace {
  /** What kind of text it is. */
  readonly purpose:
    | 'alert'
    | 'answer'
    | 'api-key'
    | 'asked-since'
    | 'asking'
    | 'batch'
    | 'batch-targets'
    | 'batch-wish'
    | 'chat'
    | 'chat-reply'
    | 'container-pod'
    | 'delivery-event'
    | 'delivery-wish'
    | 'fleet'
    | 'request-claim'
    | 'seen'
    | 'sent-file'
    | 'upload-claim'
    | 'upload-outcome'
    | 'upload-place';
  /** What it is about: a hash, a run and a hash. */
  readonly about: string;
  readonly run?: string;
}

/** Whose signature is believed in a place. */
const roles: Readonly<Record<TextPlace['purpose'], KeyRole>> = {
  alert: 'api',
  answer: 'worker',
  'api-key': 'api',
  'asked-since': 'worker',
  asking: 'worker',
  batch: 'api',
  'batch-targets': 'worker',
  'batch-wish': 'api',
  chat: 'worker',
  'chat-reply': 'api',
  'container-pod': 'worker',
  'delivery-event': 'api',
  'delivery-wish': 'api',
  fleet: 'worker',
  'request-claim': 'api',
  seen: 'worker',
  'sent-file': 'worker',
  'upload-claim': 'worker',
  'upload-outcome': 'worker',
  'upload-place': 'worker',
};

const signedSchema = z.strictObject({
  value: z.unknown(),
  /** Until when it counts, in ms since the epoch; absent: for good. */
  until: z.number().optional(),
  by: z.string(),
  sig: z.string(),
});
type Signed = z.output<typeof signedSchema>;

/** So many texts are known to be good, so that a run that waits for thousands of answers checks each of them once. */
const maxRemembered = 20_000;

/** Clocks of two hosts may be so far apart before a text that is over is taken for one that was put back. */
const graceMs = 5 * 60_000;

/**
 * Texts that processes keep for each other in Redis outside of custody: each is signed by who wrote it, for its place and for a time, so that
 * whoever else can write there can take one away but not make one up.
 */
export class SignedTexts {
  private readonly good = new RecentMap<string, true>(maxRemembered);

  constructor(
    private readonly signer: Signer,
    private readonly trusted: TrustedKeys,
    private readonly alert: Alert,
  ) {}

  /** @param ttlSeconds how long it counts; default for good */
  sign(place: TextPlace, value: unknown, ttlSeconds?: number): string {
    const until = ttlSeconds === undefined ? {} : { until: Date.now() + ttlSeconds * 1_000 };
    // As it will be read: what JSON leaves out is not signed.
    const text = { value: JSON.parse(JSON.stringify(value, wellFormed)) as unknown, ...until, by: this.signer.kid };
    const sig = sign(null, bytesOf(place, text), this.signer.privateKey).toString('base64url');
    return JSON.stringify({ ...text, sig });
  }

  /**
   * What a text says; undefined where there is none that counts any more. One that is unsigned, foreign or altered, or that is over for long
   * and was put back, is reported and counts as not there.
   * @param drop takes it away
   */
  async read<T extends z.ZodType>(
    place: TextPlace,
    schema: T,
    text: string | null | undefined,
    drop: () => Promise<unknown>,
  ): Promise<z.output<T> | undefined> {
    if (text == null) return undefined;
    const checked = await this.check(place, schema, text);
    if (typeof checked !== 'string') return checked.value;
    const { purpose, about, run } = place;
    const error = new TriageError('custody-broken', `the text "${purpose}" about ${about} in Redis ${checked}; it is not believed`);
    this.alert(error, { ...(run === undefined ? {} : { run }), what: `${purpose} ${about}` });
    await drop();
    return undefined;
  }

  private async check<T extends z.ZodType>(place: TextPlace, schema: T, text: string): Promise<{ value?: z.output<T> } | string> {
    const parsed = signedSchema.safeParse(parseJson(text));
    if (!parsed.success) return 'is not signed';
    const { sig, ...signed } = parsed.data;
    const key = await this.trusted(signed.by, roles[place.purpose]);
    if (key === undefined) return 'is signed by a key that is not enrolled for it';
    const digest = digestOf(place, text);
    if (!this.good.has(digest) && !verify(null, bytesOf(place, signed), key, Buffer.from(sig, 'base64url'))) return 'is not what was signed';
    this.good.set(digest, true);
    const overMs = signed.until === undefined ? 0 : Date.now() - signed.until;
    if (overMs > graceMs) return 'was over long ago and has been put back';
    const value = schema.safeParse(signed.value);
    // Signed by a process of another version.
    if (!value.success || overMs > 0) return {};
    return { value: value.data };
  }
}

function digestOf({ purpose, about }: TextPlace, text: string): string {
  return createHash('sha256').update(`${purpose}\0${about}\0${text}`).digest('base64');
}

/** A lone surrogate has no canonical form. */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value).toString() : value;
}

function bytesOf({ purpose, about }: TextPlace, { value, until, by }: Omit<Signed, 'sig'>): Uint8Array {
  const lasting = until === undefined ? {} : { until };
  return Buffer.from(canonical({ for: `podtriage ${purpose}`, about, value, ...lasting, by }));
}
