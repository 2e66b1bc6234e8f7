import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Batch, BatchOrder } from '../../../store/evidence/batch.js';
import { WritingThread } from '../../../store/evidence/writing-thread.js';

const batch = (): Batch => ({ temporary: '/tmp/x', paths: ['/a'], sizes: [0], data: new Uint8Array(0) });

/** What a thread looks like from outside: it answers and ends when it is told. */
class Thread extends EventEmitter {
  readonly orders: BatchOrder[] = [];
  held = false;

  postMessage(order: BatchOrder): void {
    this.orders.push(order);
  }

  ref(): void {
    this.held = true;
  }

  unref(): void {
    this.held = false;
  }

  answer(at: number, existed: boolean): void {
    this.emit('message', { id: this.orders[at]?.id, outcomes: [existed] });
  }
}

function threads(): { opened: Thread[]; writing: WritingThread } {
  const opened: Thread[] = [];
  const open = (): Worker => {
    opened.push(new Thread());
    return opened.at(-1) as unknown as Worker;
  };
  return { opened, writing: new WritingThread(open) };
}

test('each batch gets its own answer, in whatever order they come, and the process lives until the last one', async () => {
  const { opened, writing } = threads();
  const both = [writing.write(batch()), writing.write(batch())];
  opened[0]?.answer(1, true);
  expect(opened[0]?.held).toBe(true);
  opened[0]?.answer(0, false);
  expect(await Promise.all(both)).toEqual([[false], [true]]);
  expect([opened.length, opened[0]?.held]).toEqual([1, false]);
});

test('a thread that cannot be started fails the batch it was started for, and no other', async () => {
  const thread = new Thread();
  let starts = 0;
  const writing = new WritingThread(() => {
    starts += 1;
    if (starts === 1) throw new Error('no memory for a thread');
    return thread as unknown as Worker;
  });
  await expect(writing.write(batch())).rejects.toThrow('no memory for a thread');
  const second = writing.write(batch());
  thread.answer(0, false);
  expect(await second).toEqual([false]);
});

test.each(['error', 'exit'])("a thread that is lost by %s fails what it had, and what it says later is nobody else's answer", async (event) => {
  const { opened, writing } = threads();
  const first = writing.write(batch());
  opened[0]?.emit(event, event === 'error' ? new Error('out of memory') : 1);
  await expect(first).rejects.toMatchObject({ code: 'store-unwritable' });
  const second = writing.write(batch());
  opened[0]?.answer(0, true);
  // A thread that failed also ends.
  opened[0]?.emit('exit', 1);
  opened[1]?.answer(0, false);
  expect(await second).toEqual([false]);
});
