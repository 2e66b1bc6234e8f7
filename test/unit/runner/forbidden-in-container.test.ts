import { expect, it } from 'vitest';
import { isRetryable } from '../../../playbooks/domain/retry.js';
import { stepContext } from '../../../workers/runner/step-context.js';

it('a worker without leave to run anything in containers refuses for good, before custody says that it has begun', async () => {
  const acts: unknown[] = [];
  const deps = {
    ports: {},
    logger: { child: () => undefined },
    log: { record: (_run: string, more: unknown[]) => Promise.resolve(acts.push(...more)) },
  };
  const attempt = { run: 'r1', step: 'export-files', number: 1 };
  const ctx = stepContext(deps as never, { info: {} } as never, attempt as never, new AbortController().signal, {
    notes: {},
    footprints: {},
  } as never);
  const ref = { cluster: 'default', namespace: 'shop', pod: 'web' };
  const refusal: unknown = await ctx.inContainer.archive(ref, 'app', Buffer.from('/x'), 1, ctx.signal).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'method-forbidden', message: expect.stringMatching(/app of web.*PODTRIAGE_IN_CONTAINER=allowed/) as string });
  expect([isRetryable(refusal), acts]).toEqual([false, []]);
});
