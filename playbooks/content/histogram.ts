/** How often each byte came. Four tables in turn: equal bytes in a row would wait for each other's count. */
export class Histogram {
  private readonly lanes = Array.from({ length: 4 }, () => new Uint32Array(256)) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  private readonly totals = new Float64Array(256);

  /** Counts a part of less than 4 GiB. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const [first, second, third, fourth] = this.lanes;
    let at = from;
    for (const end = to - 3; at < end; at += 4) {
      countOne(first, bytes[at] as number);
      countOne(second, bytes[at + 1] as number);
      countOne(third, bytes[at + 2] as number);
      countOne(fourth, bytes[at + 3] as number);
    }
    for (; at < to; at += 1) countOne(first, bytes[at] as number);
    this.fold();
  }

  /** The counts up to now. */
  counts(): Float64Array {
    return this.totals.slice();
  }

  reset(): void {
    this.totals.fill(0);
  }

  private fold(): void {
    const { totals } = this;
    for (const lane of this.lanes) {
      for (let byte = 0; byte < 256; byte += 1) totals[byte] = (totals[byte] as number) + (lane[byte] as number);
      lane.fill(0);
    }
  }
}

function countOne(lane: Uint32Array, byte: number): void {
  lane[byte] = (lane[byte] as number) + 1;
}

/** Shannon's entropy in bits a byte, 0 to 8, two decimals; 0 of nothing. */
export function entropyOf(counts: Float64Array): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / all) * Math.log2(count / all);
  return Math.min(8, Math.max(0, Math.round(bits * 100) / 100));
}
