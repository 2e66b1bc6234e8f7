import type { Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { TriageError } from '../../playbooks/domain/error.js';
import type { S3Place } from './s3-client.js';
import { isDamaged, isMissing, isPassing, s3Error, statusOf } from './s3-error.js';
import { type RequestLimits, request } from './s3-request.js';
import { Turns } from './turns.js';

/** Requests at a time: enough to hide the way there and back, few enough to leave the server to others. */
const atOnce = 32;
const quickMs = 30_000;
/** A server that takes less is as good as gone, in bytes a millisecond: 256 KiB a second. */
const slowest = 256;

/** What a server says of an object. The checksum is there if it was given with it. */
export interface S3Object {
  readonly size: number;
  readonly sha256: string | undefined;
  readonly version: string | undefined;
}

/** Bytes on their way to the server. `open` gives them from the start, once a try. */
export interface S3Content {
  readonly sha256: string;
  readonly size: number;
  open(): Uint8Array | Readable;
}

/** Objects of one bucket below one prefix, by their keys without it. Throws what {@link s3Error} makes of errors, and `timeout`. */
export class S3Objects {
  private readonly turns = new Turns(atOnce);

  constructor(
    private readonly client: S3Client,
    private readonly place: S3Place,
  ) {}

  /**
   * Throws `config-invalid` when there is no such bucket, or these credentials may not list it. By listing, as an answer to HEAD does not say
   * which of the two it is.
   */
  async bucket(): Promise<void> {
    const { bucket: Bucket, prefix: Prefix } = this.place;
    await this.ask('find the bucket', { withinMs: quickMs }, (abortSignal) =>
      this.client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }), { abortSignal }),
    );
  }

  /** Undefined: there is no such object. */
  async head(key: string): Promise<S3Object | undefined> {
    return this.ask('look for a file', { withinMs: quickMs }, async (abortSignal) => {
      try {
        const { ContentLength, ChecksumSHA256, VersionId } = await this.client.send(
          new HeadObjectCommand({ ...this.at(key), ChecksumMode: 'ENABLED' }),
          {
            abortSignal,
          },
        );
        return { size: ContentLength ?? -1, sha256: hexOf(ChecksumSHA256), version: VersionId };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  /**
   * Writes an object under its final key, if there is none: the server compares the bytes with their sha256 before it has a name.
   * Returns false when there was one, which is left alone.
   */
  async create(key: string, content: S3Content, limits: Pick<RequestLimits, 'signal' | 'again'> = {}): Promise<boolean> {
    const withinMs = quickMs + content.size / slowest;
    return this.ask('keep a file', { withinMs, ...limits }, async (abortSignal) => {
      const body = content.open();
      try {
        await this.client.send(
          new PutObjectCommand({
            ...this.at(key),
            Body: body,
            ContentLength: content.size,
            ChecksumSHA256: Buffer.from(content.sha256, 'hex').toString('base64'),
            IfNoneMatch: '*',
          }),
          { abortSignal },
        );
        return true;
      } catch (error) {
        if (statusOf(error) === 412) return false;
        throw error;
      } finally {
        if (!(body instanceof Uint8Array)) body.destroy();
      }
    });
  }

  /** Whether the server refuses bytes that do not have the checksum that came with them; it may have kept them if not. */
  async refuses(key: string, content: S3Content): Promise<boolean> {
    try {
      await this.create(key, content, { again: (error) => isPassing(error) && !isDamaged(error) });
      return false;
    } catch (error) {
      if (error instanceof TriageError && isDamaged(error.cause)) return true;
      throw error;
    }
  }

  /** The bytes as they come from the network, and how many there are to be. Undefined: there is no such object. */
  async read(key: string): Promise<{ readonly body: Readable; readonly size: number | undefined } | undefined> {
    return this.ask('read a file', { withinMs: quickMs }, async (abortSignal) => {
      try {
        const { Body, ContentLength } = await this.client.send(new GetObjectCommand(this.at(key)), { abortSignal });
        return { body: Body as Readable, size: ContentLength };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  /** All keys that begin with this, a thousand a request. */
  async *keys(start: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { bucket: Bucket, prefix } = this.place;
    for (let token: string | undefined, ended = false; !ended; ) {
      const page = await this.ask('list files', { withinMs: quickMs, signal }, (abortSignal) =>
        this.client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix + start, ...(token === undefined ? {} : { ContinuationToken: token }) }), {
          abortSignal,
        }),
      );
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key.slice(prefix.length);
      token = page.NextContinuationToken;
      ended = token === undefined;
    }
  }

  /** Where the bucket keeps versions, this one goes for good and leaves no marker. */
  async remove(key: string, { version }: S3Object): Promise<void> {
    const which = version === undefined ? {} : { VersionId: version };
    await this.ask('remove a file', { withinMs: quickMs }, (abortSignal) =>
      this.client.send(new DeleteObjectCommand({ ...this.at(key), ...which }), { abortSignal }),
    );
  }

  private at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }

  private async ask<T>(what: string, limits: RequestLimits, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await this.turns.run(() => request(limits, send));
    } catch (error) {
      throw s3Error(error, what, this.place.bucket);
    }
  }
}

function hexOf(base64: string | undefined): string | undefined {
  // Of parts, not of the whole, if it has a number behind it.
  return base64 === undefined || base64.includes('-') ? undefined : Buffer.from(base64, 'base64').toString('hex');
}
