import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AxiosResponse } from 'axios';

/** How often a request that the service has put off is sent again, and how long one wait may be, in milliseconds. */
const tries = 2;
const maxWaitMs = 65_000;

/** Sends a request again that was refused with 429 and a time to wait (`Retry-After`, seconds): nothing of it was done. Rejects when `signal` is aborted. */
export async function patient<T>(ask: () => Promise<AxiosResponse<T>>, signal?: AbortSignal): Promise<AxiosResponse<T>> {
  for (let left = tries; ; left -= 1) {
    const answer = await ask();
    const waitMs = answer.status === 429 ? Number(answer.headers['retry-after']) * 1_000 : Number.NaN;
    if (left === 0 || Number.isNaN(waitMs) || waitMs < 0 || waitMs > maxWaitMs) return answer;
    if (answer.data instanceof Readable) answer.data.destroy();
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  }
}
