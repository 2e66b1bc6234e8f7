import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';
import { runScript } from './scripts/script.js';
import { slotAcquire, slotRelease, slotRenew } from './scripts/slots.js';

/** Who asks for a slot: one attempt, and the job that waits for it. */
export interface SlotRequest {
  readonly name: string;
  readonly holder: string;
  readonly waiter: string;
  readonly priority: number;
}

/** Limits how many attempts work on one node at once, over all workers. */
export class Slots {
  /**
   * @param max slots per name
   * @param leaseMs how long a slot is held without {@link renew}
   * @param staleMs how long a waiter keeps its place without asking again
   */
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly max: number,
    readonly leaseMs: number,
    private readonly staleMs: number,
  ) {}

  /** True: the slot is held. False: the waiter has its place in the queue; ask again soon. */
  async acquire({ name, holder, waiter, priority }: SlotRequest): Promise<boolean> {
    const { held, queue, seen } = this.keys.slots(name);
    const [what] = await runScript(this.redis, slotAcquire, [held, queue, seen], [holder, waiter, this.max, this.leaseMs, priority, this.staleMs]);
    return what === 'held';
  }

  async renew(name: string, holder: string): Promise<void> {
    await runScript(this.redis, slotRenew, [this.keys.slots(name).held], [holder, this.leaseMs]);
  }

  /** Gives the slot back. Returns the waiter who is next. */
  async release(name: string, holder: string): Promise<string | undefined> {
    const { held, queue } = this.keys.slots(name);
    const [, next] = await runScript(this.redis, slotRelease, [held, queue], [holder]);
    return next === undefined ? undefined : String(next);
  }
}
