import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { Board } from '../../../playbooks/facts.js';
import type { StepContext } from '../../../playbooks/ports.js';
import { exportFiles } from '../../../playbooks/steps/export-files.js';

const board = {
  target: { cluster: 'default', namespace: 'shop', pod: 'web', uid: 'one' },
  node: { name: 'node-a', address: '10.0.0.1' },
  containers: [],
  changes: { sha256: 'a'.repeat(64), count: 1, added: 1, changed: 0, deleted: 0, present: 0, method: 'overlay' },
} as unknown as Board;

/** A run whose listing takes its time, and whose node refuses the login at once. */
function context(listing: () => AsyncGenerator<Buffer>): StepContext {
  const request = runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web' } });
  return {
    run: { request, limits: request.options.limits },
    signal: new AbortController().signal,
    evidence: { open: () => Promise.resolve(Readable.from(listing())) },
    nodes: { connect: () => Promise.reject(new TriageError('node-auth-failed', 'refused')) },
    limit: () => undefined,
  } as unknown as StepContext;
}

it('tells of a login that fails once it has read the listing to its end: nothing goes on behind it', async () => {
  let isRead = false;
  const ctx = context(async function* () {
    await sleep(30);
    yield Buffer.alloc(0);
    isRead = true;
  });
  await expect(exportFiles.bind({})(board, ctx)).rejects.toMatchObject({ code: 'node-auth-failed' });
  expect(isRead).toBe(true);
});
