import { asTriageError, TriageError } from '../playbooks/domain/error.js';

/** What Redis answers. Throws `redis-unavailable` where it does not, and TriageErrors as they are. */
export async function ofRedis<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw asTriageError(cause, 'redis-unavailable', 'Redis did not answer');
  }
}

/** Resolves as `work` does, or rejects with `redis-unavailable` after `ms`. The work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TriageError('redis-unavailable', `the store did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
