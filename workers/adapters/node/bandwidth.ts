/** Tells the time in milliseconds; need not be the time of day. */
export type Clock = () => number;

/** How long a node may send at full speed before its cap is felt: short answers are not held up. */
const burstMs = 250;

/** The bytes a second that one node may send us, over all commands on it; a token bucket that may run into debt. */
export class Bandwidth {
  private tokens: number;
  private countedAt: number;

  /** `perSecond` in bytes; 0 sets no cap. */
  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock = () => performance.now(),
  ) {
    this.tokens = this.burst;
    this.countedAt = clock();
  }

  /**
   * Counts bytes that have come.
   * @returns for how many milliseconds whoever brought them must wait before it reads on; 0: not at all
   */
  spend(bytes: number): number {
    if (this.perSecond === 0) return 0;
    const now = this.clock();
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.countedAt) * this.perSecond) / 1000) - bytes;
    this.countedAt = now;
    return this.tokens >= 0 ? 0 : (-this.tokens * 1000) / this.perSecond;
  }

  private get burst(): number {
    return (this.perSecond * burstMs) / 1000;
  }
}
