/** Keeps one stretch of a stream, at most `limit` bytes of it. */
export class ByteWindow {
  private readonly kept: Buffer;
  private filled = 0;

  constructor(
    readonly start: number,
    size: number,
    limit: number,
  ) {
    this.kept = Buffer.alloc(Math.max(0, Math.min(size, limit)));
  }

  /** The stream's next bytes, `bytes` from `from` to `to`, of which the first stands at `offset` in the stream. They must come in order. */
  take(bytes: Buffer, from: number, to: number, offset: number): void {
    const wanted = this.start + this.filled - offset;
    if (wanted < 0 || wanted >= to - from || this.filled === this.kept.length) return;
    this.filled += bytes.copy(this.kept, this.filled, from + wanted, to);
  }

  /** What the stream had of it from `place` on. Empty when that is outside. */
  from(place: number): Buffer {
    return place < this.start ? Buffer.alloc(0) : this.kept.subarray(Math.min(place - this.start, this.filled), this.filled);
  }
}
