import type { Redis } from 'ioredis';
import type { Keys } from './keys.js';
import { runScript } from './scripts/script.js';
import { slotAcquire, slotLeave, slotRelease, slotRenew } from './scripts/slots.js';

/** Who asks for a slot: one attempt, and the job that waits for it. */
export interface SlotRequest {
  readonly name: string;
  readonly holder: string;
  readonly waiter: string;
  readonly priority: number;
}

/** `place` in the queue counts from 0; `wake` are waiters who could have a slot now. */
export interface SlotAnswer {
  readonly held: boolean;
  readonly place: number;
  readonly wake: readonly string[];
}

/** How many slots there are, and for how long things count, in milliseconds. */
export interface SlotLimits {
  /** Slots per name. */
  readonly max: number;
  /** How long a slot is held without {@link Slots.renew}. */
  readonly leaseMs: number;
  /** How long a waiter keeps its place without asking again. */
  readonly staleMs: number;
  /** How long a slot stays empty for a waiter that was called to it; then others may pass. */
  readonly callMs: number;
}

/** Limits how many attempts work on one node at once, over all workers. */
export class Slots {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    readonly limits: SlotLimits,
  ) {}

  /** Takes a slot, or gives the waiter its place in the queue; it then has to ask again. */
  async acquire({ name, holder, waiter, priority }: SlotRequest): Promise<SlotAnswer> {
    const { held, queue, seen, called } = this.keys.slots(name);
    const { max, leaseMs, staleMs, callMs } = this.limits;
    const args = [holder, waiter, max, leaseMs, priority, staleMs, callMs];
    const [what, place, ...wake] = await runScript(this.redis, slotAcquire, [held, queue, seen, called], args);
    return { held: what === 'held', place: Number(place), wake: wake.map(String) };
  }

  async renew(name: string, holder: string): Promise<void> {
    await runScript(this.redis, slotRenew, [this.keys.slots(name).held], [holder, this.limits.leaseMs]);
  }

  /** Gives the slot back. Returns the waiters who could have one now. */
  async release(name: string, holder: string): Promise<readonly string[]> {
    const { held, queue, seen, called } = this.keys.slots(name);
    const { max, callMs } = this.limits;
    const [, ...wake] = await runScript(this.redis, slotRelease, [held, queue, seen, called], [holder, max, callMs]);
    return wake.map(String);
  }

  /** Gives up a waiter's place. */
  async leave(name: string, waiter: string): Promise<void> {
    const { queue, seen, called } = this.keys.slots(name);
    await runScript(this.redis, slotLeave, [queue, seen, called], [waiter]);
  }
}
