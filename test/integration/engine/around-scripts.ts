import type { Redis } from 'ioredis';

/** A Redis of which each script that is sent goes through `around`, which may look first, count, or send it twice. */
export function aroundScripts(redis: Redis, around: (send: () => Promise<unknown>) => Promise<unknown>): Redis {
  return new Proxy(redis, {
    get(target, name) {
      if (name !== 'evalsha') return Reflect.get(target, name) as unknown;
      return (...args: Parameters<Redis['evalsha']>) => around(() => target.evalsha(...args));
    },
  });
}
