import type { Redis } from 'ioredis';

/** Messages of Redis channels over one connection, however many wait for them. Messages are hints: they can be lost. */
export class ChangeFeed {
  private readonly listeners = new Map<string, Set<(message: string) => void>>();

  /** @param redis a connection that nobody else uses */
  constructor(private readonly redis: Redis) {
    redis.on('message', (channel: string, message: string) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(message);
    });
  }

  /** Calls `listener` for each message of the channel from the moment this resolves until the returned function is called. */
  async listen(channel: string, listener: (message: string) => void): Promise<() => void> {
    const others = this.listeners.get(channel);
    const all = others ?? new Set();
    all.add(listener);
    this.listeners.set(channel, all);
    // Also when others listen: their subscription may still be on its way, and this one is answered after it.
    await this.redis.subscribe(channel);
    return () => {
      all.delete(listener);
      if (all.size > 0 || this.listeners.get(channel) !== all) return;
      this.listeners.delete(channel);
      this.redis.unsubscribe(channel).catch(() => undefined);
    };
  }

  /** Ends the connection. */
  close(): void {
    this.redis.disconnect();
  }
}
