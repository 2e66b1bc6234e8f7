import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { Engine } from './engine.js';
import { RedisChild } from './redis-child.js';

/** One Redis per file, one engine under a prefix of its own per test. */
export function withEngine(): () => Engine {
  let server: RedisChild | undefined;
  let engine: Engine | undefined;
  beforeAll(async () => {
    server = await RedisChild.start();
  });
  beforeEach(async () => {
    engine = await Engine.create(server!);
  });
  afterEach(() => engine?.stop());
  afterAll(() => server?.stop());
  return () => engine!;
}
