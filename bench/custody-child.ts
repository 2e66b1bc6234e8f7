/** One writer of custody, or one reader that checks a chain, in a process of its own: `custody-child.ts append|check JSON`. */
import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type Act, ChainCheck } from '../playbooks/domain/custody.js';
import { CustodyWriter } from '../store/custody.js';
import { keysOf } from '../store/keys.js';
import { connectRedis, redisEndpoint } from '../store/redis.js';
import { signerOf } from '../store/signing-key.js';

const writerSchema = z.object({ socket: z.string(), run: z.string(), entries: z.int(), key: z.string(), raw: z.boolean() });
const readerSchema = z.object({ file: z.string(), run: z.string(), kid: z.string(), key: z.string() });

/** An entry of common size. */
function act(): Act {
  const detail = {
    call: randomUUID(),
    step: 'diff-filesystem',
    name: 'changed-files',
    node: 'node-a',
    argv: ['sh', '-c', 'x'.repeat(100)],
    privileged: true,
  };
  return { act: 'command.started', subject: 'node-a', detail };
}

/** So many of each kind in turn: other work on the machine then slows both. */
const block = 50;

/**
 * Appends one entry after the other, as soon as it is told to, and prints how long that took in ms; with `raw` in turn with lines of the same
 * size that are added to a stream, with nothing else, and what those took.
 */
async function append({ socket, run, entries, key, raw }: z.output<typeof writerSchema>): Promise<void> {
  const redis = connectRedis(redisEndpoint(socket));
  const writer = new CustodyWriter(redis, keysOf(), signerOf(createPrivateKey(key)), 'worker:bench');
  const ours = (): Promise<unknown> => writer.append(run, [act()]);
  const theirs = (): Promise<unknown> => redis.xadd(`raw:${run}`, '*', 'line', `${JSON.stringify(act())}${'x'.repeat(450)}`);
  const spent = { ours: 0, theirs: 0 };
  const turn = async (): Promise<void> => {
    spent.ours += await timed(ours);
    if (raw) spent.theirs += await timed(theirs);
  };
  for (let at = 0; at < entries / 5; at += block) await turn();
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  spent.ours = spent.theirs = 0;
  for (let at = 0; at < entries; at += block) await turn();
  process.stdout.write(`${JSON.stringify(spent)}\n`);
  redis.disconnect();
  process.stdin.destroy();
}

async function timed(write: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (let at = 0; at < block; at += 1) await write();
  return performance.now() - started;
}

/** Checks a chain line by line, and prints how long that took in ms, and by how many MiB memory grew meanwhile at most. */
async function check({ file, run, kid, key }: z.output<typeof readerSchema>): Promise<void> {
  const chain = new ChainCheck(run, new Map([[kid, createPublicKey(key)]]));
  const before = process.memoryUsage.rss();
  const started = performance.now();
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) chain.add(line);
  const ms = performance.now() - started;
  // In KiB (getrusage(2)).
  const growth = process.resourceUsage().maxRSS / 1024 - before / 1024 ** 2;
  process.stdout.write(JSON.stringify({ ms, growth, verdict: chain.verdict() }));
}

const [what, text = ''] = process.argv.slice(2);
if (what === 'append') await append(writerSchema.parse(JSON.parse(text)));
else await check(readerSchema.parse(JSON.parse(text)));
