import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import type { Logger } from 'pino';

/**
 * Has this process, which nobody waits for, give way on the processor to those that answer: API and Redis, where they share a machine with it.
 * On Linux a nice value is a thread's own (setpriority(2)): threads that are there already are named one by one, later ones inherit it.
 */
export function giveWay(log: Pick<Logger, 'warn'>): void {
  const failures = threads().flatMap(lowered);
  if (failures.length > 0) log.warn({ err: failures[0] }, 'the workers could not lower their priority; on a busy machine the API answers later');
}

function threads(): readonly number[] {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid];
}

function lowered(thread: number): unknown[] {
  try {
    setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    return [];
  } catch (error) {
    return [error];
  }
}
