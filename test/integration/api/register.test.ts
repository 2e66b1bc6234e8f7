import type { Readable } from 'node:stream';
import supertest from 'supertest';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Door, openDoor, openRun } from './door.js';

let door: Door;
beforeEach(() => {
  door = openDoor();
});

/** supertest's parser for types that it does not know: the text as it came. */
function asText(res: unknown, done: (error: Error | null, text: string) => void): void {
  const stream = res as Readable;
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  stream.on('end', () => done(null, text));
}

describe('GET /register', () => {
  it('gives one chain of all runs, in pages or whole, and checks it when asked', async () => {
    const id = await openRun(door);
    const { length } = door.runs.register;
    const first = (await door.get('/api/v1/register?limit=1&verify=true').expect(200)).body as object;
    expect(first).toMatchObject({ entries: [{ seq: 0, run: 'register', act: 'run.opened' }], verification: { ok: true, entries: length } });
    const last = (await door.get(`/api/v1/register?cursor=${length - 1}`).expect(200)).body as object;
    expect(last).toMatchObject({ entries: [{ subject: id, detail: { run: id } }] });
    expect(last).not.toHaveProperty('next');
    const answer = await door
      .get('/api/v1/register')
      .set('Accept', 'application/x-ndjson')
      .buffer(true)
      .parse(asText as never)
      .expect(200);
    expect(String(answer.body)).toBe(door.runs.register.map((line) => `${line}\n`).join(''));
  });

  it('is for those with a key only', async () => {
    await supertest(door.app).get('/api/v1/register').expect(401);
  });
});
