import type { Logger } from 'pino';
import type { SlotRequest, Slots } from '../../store/slots.js';

/** A slot that this process holds: renewed until it is given back. */
export class SlotLease {
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly slots: Slots,
    private readonly request: SlotRequest,
    private readonly wake: (waiter: string) => Promise<void>,
    private readonly logger: Logger,
  ) {
    this.timer = setInterval(() => void this.renew(), slots.limits.leaseMs / 3);
  }

  /** Gives the slot back and wakes who can have one now. Never throws: a slot that could not be given back ends with its lease. */
  async release(): Promise<void> {
    clearInterval(this.timer);
    try {
      const next = await this.slots.release(this.request.name, this.request.holder);
      await Promise.all(next.map((waiter) => this.wake(waiter)));
    } catch (err) {
      this.logger.warn({ err, slot: this.request.name }, 'slot could not be given back; its lease will end');
    }
  }

  private async renew(): Promise<void> {
    try {
      await this.slots.renew(this.request.name, this.request.holder);
    } catch (err) {
      this.logger.warn({ err, slot: this.request.name }, 'slot could not be renewed');
    }
  }
}
