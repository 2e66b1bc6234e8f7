import { orAbort } from '../../playbooks/domain/abort.js';
import { throwIfAborted } from '../../playbooks/domain/error.js';

/** A fixed number of places; who finds none waits, in order. */
export class Places {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Resolves when the caller has a place; it gives it back by calling the result, once. Throws the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.free > 0) this.free -= 1;
    else await this.turn(signal);
    return () => this.next();
  }

  private async turn(signal: AbortSignal): Promise<void> {
    let come = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      come = resolve;
    });
    this.waiting.push(come);
    try {
      await orAbort(mine, signal);
    } catch (error) {
      const at = this.waiting.indexOf(come);
      // Called to a place and aborted at the same time: the place goes on.
      if (at === -1) this.next();
      else this.waiting.splice(at, 1);
      throw error;
    }
  }

  private next(): void {
    const first = this.waiting.shift();
    if (first === undefined) this.free += 1;
    else first();
  }
}
