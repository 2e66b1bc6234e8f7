import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What stands behind a socket: nothing, a server that loads its data or is busy, or one that answers. */
export type RedisPresence = 'absent' | 'busy' | 'ready';

const answerWithinMs = 2_000;

/** Asks a unix socket whether a Redis lives there. Never throws. */
export async function pingRedis(socket: string): Promise<RedisPresence> {
  const answer = await say(socket, 'PING');
  if (answer === undefined) return 'absent';
  return answer.startsWith('+PONG') ? 'ready' : 'busy';
}

/** Tells a Redis to write its data and end, and waits until nobody listens any more, at most 10 s. Never throws. */
export async function shutdownRedis(socket: string): Promise<void> {
  await say(socket, 'SHUTDOWN');
  for (let tries = 0; tries < 200 && (await pingRedis(socket)) !== 'absent'; tries++) await sleep(50);
}

/** The first bytes of the answer to an inline command; empty when there was none in time; undefined when nobody listens. */
async function say(socket: string, command: string): Promise<string | undefined> {
  const connection = createConnection(socket);
  let connected = false;
  try {
    return await new Promise<string | undefined>((resolve) => {
      connection.setTimeout(answerWithinMs, () => resolve(''));
      connection.once('connect', () => {
        connected = true;
        connection.write(`${command}\r\n`);
      });
      connection.once('data', (data) => resolve(data.toString('latin1')));
      connection.once('error', () => resolve(connected ? '' : undefined));
      connection.once('close', () => resolve(connected ? '' : undefined));
    });
  } finally {
    connection.destroy();
  }
}
