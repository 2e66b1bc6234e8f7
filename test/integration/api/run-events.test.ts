import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventTimes } from '../../../api/run-events.js';
import { type RunningApi, startApi } from '../../../api/server.js';
import { type Door, openDoor, openRun, secret } from './door.js';
import { finish } from './fakes.js';

let door: Door;
let api: RunningApi;
let run: string;
beforeEach(async () => {
  await start();
});
afterEach(() => api.stop(0));

async function start(eventTimes?: EventTimes): Promise<void> {
  door = openDoor(eventTimes === undefined ? {} : { eventTimes });
  api = await startApi(door.app, '127.0.0.1', 0);
  run = await openRun(door);
}

/** One event as a browser would see it; a comment has only `comment`. */
interface Told {
  readonly id?: string;
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly comment?: string;
}

/** A stream that is read event by event. */
class Listener {
  readonly #leave = new AbortController();
  #blocks!: AsyncGenerator<string>;
  response!: Response;

  static async open(query = '', headers: Record<string, string> = {}): Promise<Listener> {
    const listener = new Listener();
    const all = { Authorization: `Bearer ${secret}`, ...headers };
    listener.response = await fetch(`${api.url}/api/v1/runs/${run}/events${query}`, { headers: all, signal: listener.#leave.signal });
    listener.#blocks = blocks(listener.response.body!);
    return listener;
  }

  /** The next event, or undefined when the stream has ended. */
  async next(): Promise<Told | undefined> {
    for (;;) {
      const block = await this.#blocks.next();
      if (block.done === true) return undefined;
      const told = toldOf(block.value);
      if (Object.keys(told).length > 0) return told;
    }
  }

  async take(count: number): Promise<(Told | undefined)[]> {
    const all: (Told | undefined)[] = [];
    while (all.length < count) all.push(await this.next());
    return all;
  }

  leave(): void {
    this.#leave.abort();
  }
}

async function* blocks(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}

function toldOf(block: string): Told {
  const told: Record<string, unknown> = {};
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
    if (name === '') told['comment'] = value;
    else if (name === 'data') told['data'] = JSON.parse(value);
    else if (name !== 'retry') told[name] = value;
  }
  return told;
}

/** Adds an entry to the run's chain, and tells those who wait. */
function act(name: 'evidence.held' | 'evidence.released', subject?: string): void {
  const { custody } = door.runs.of(run);
  custody.push(door.signer.next(run, custody, { act: name, detail: {}, ...(subject === undefined ? {} : { subject }) }));
  door.runs.announce(run);
}

describe('GET /runs/{run}/events', () => {
  it('tells all entries so far, then those that come, and ends with the run', async () => {
    const listener = await Listener.open();
    expect(listener.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const first = await listener.take(5);
    expect(first.map((told) => told?.id)).toEqual(['0', '1', '2', '3', '4']);
    expect(first[0]).toEqual({
      id: '0',
      event: 'run.requested',
      data: { seq: 0, at: expect.any(String) as string, act: 'run.requested', actor: 'tester' },
    });
    act('evidence.held', 'somebody\nid: 99');
    expect(await listener.next()).toMatchObject({ id: '5', event: 'evidence.held', data: { seq: 5, subject: 'somebody\nid: 99' } });
    finish(door.runs, door.evidence, run, 'malicious');
    expect(await listener.next()).toEqual({ event: 'end', data: { state: 'completed' } });
    expect(await listener.next()).toBeUndefined();
  });

  it.each([
    ['Last-Event-ID', '', { 'Last-Event-ID': '3' }],
    ['?after', '?after=3', {}],
    ['Last-Event-ID before ?after', '?after=0', { 'Last-Event-ID': '3' }],
  ])('goes on after %s', async (_what, query, headers) => {
    const listener = await Listener.open(query, headers);
    expect(await listener.next()).toMatchObject({ id: '4' });
    listener.leave();
  });

  it('tells a chain of any length once, in order', async () => {
    for (let at = 5; at < 1_203; at += 1) act('evidence.held');
    const listener = await Listener.open();
    const all = await listener.take(1_203);
    expect(all.map((told) => Number(told?.id))).toEqual(Array.from({ length: 1_203 }, (_, at) => at));
    listener.leave();
  });

  it('reads no more of a chain than its listener takes', async () => {
    const [line = ''] = door.runs.of(run).custody;
    door.runs.of(run).custody = Array.from({ length: 300_000 }, () => line);
    let read = 0;
    const whole = door.runs.custody.bind(door.runs);
    door.runs.custody = (id, from, count) => {
      read = from + count;
      return whole(id, from, count);
    };
    const { port } = new URL(api.url);
    const lazy = connect(Number(port), '127.0.0.1');
    lazy.pause();
    lazy.write(`GET /api/v1/runs/${run}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\n\r\n`);
    let before = -1;
    while (read === 0 || read !== before) {
      before = read;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(read).toBeLessThan(150_000);
    lazy.destroy();
  });

  it('goes on after the run has ended while answers may still amend it', async () => {
    finish(door.runs, door.evidence, run, 'inconclusive');
    door.runs.change(run, { pendingLookups: 2 });
    const listener = await Listener.open('?after=4');
    act('evidence.held');
    expect(await listener.next()).toMatchObject({ id: '5' });
    const view: { pendingLookups?: number } = door.runs.of(run).view;
    delete view.pendingLookups;
    door.runs.announce(run);
    expect(await listener.next()).toMatchObject({ event: 'end' });
  });

  it('says where the chain is broken, and repeats nothing of what stands there', async () => {
    door.runs.of(run).custody[1] = '{"act":"x\\n\\nevent: end"}';
    const listener = await Listener.open();
    expect((await listener.take(3))[1]).toEqual({ id: '1', event: 'unreadable', data: { seq: 1 } });
    listener.leave();
  });

  it('says that it lives when nothing happens, and ends after its time, to be taken up again', async () => {
    await api.stop(0);
    await start({ heartbeatMs: 50, lifeMs: 400 });
    const listener = await Listener.open('?after=4');
    expect(await listener.next()).toEqual({ comment: 'still here' });
    let last: Told | undefined = {};
    for (let told = await listener.next(); told !== undefined; told = await listener.next()) last = told;
    expect(last).toEqual({ comment: 'still here' });
  });

  it('ends when the service stops', async () => {
    const listener = await Listener.open('?after=4');
    const stopped = api.stop(60_000);
    expect(await listener.next()).toBeUndefined();
    await stopped;
  });

  it('gives a caller ten streams, and another one when one of them has ended', async () => {
    const open = await Promise.all(Array.from({ length: 10 }, () => Listener.open('?after=4')));
    const refused = await Listener.open();
    expect(refused.response.status).toBe(429);
    open[0]!.leave();
    let status = 429;
    for (let tries = 0; tries < 100 && status === 429; tries += 1) {
      const next = await Listener.open('?after=4');
      ({ status } = next.response);
      open.push(next);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(status).toBe(200);
    for (const each of open) each.leave();
  });

  it('cuts the stream when the store goes away, so that nobody takes it for an end', async () => {
    const listener = await Listener.open('?after=4');
    door.runs.broken = 'throws';
    act('evidence.held');
    await expect(listener.next()).rejects.toThrow();
  });

  it.each(['?after=-1', '?after=x', '?after=1&after=2', '?wait=1'])('refuses %s', async (query) => {
    expect((await Listener.open(query)).response.status).toBe(400);
  });

  it('answers 404 for a run that is not there', async () => {
    await door.get('/api/v1/runs/r0nothere/events').expect(404);
  });
});
