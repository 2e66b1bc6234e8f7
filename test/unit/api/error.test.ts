import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../../api/error.js';
import { errorCodes, TriageError } from '../../../playbooks/domain/error.js';

describe('problemOf', () => {
  it.each([
    ['invalid-request', 400],
    ['unauthorized', 401],
    ['not-found', 404],
    ['conflict', 409],
    ['evidence-destroyed', 410],
    ['playbook-unknown', 422],
    ['unknown-cluster', 422],
    ['redis-unavailable', 503],
    ['store-full', 503],
  ] as const)('answers %s with %d', (code, status) => {
    expect(problemOf(new TriageError(code, 'why'), 'id')).toMatchObject({ code, status, type: `urn:podtriage:problem:${code}` });
  });

  it('tells nothing of what is not the fault of the caller', () => {
    for (const code of errorCodes) {
      const { status, detail } = problemOf(new TriageError(code, 'password hunter2'), 'id');
      if (status >= 500) expect(detail).not.toContain('hunter2');
    }
  });

  it('takes anything that can be thrown for an internal error', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        fc.pre(typeof thrown !== 'object' || thrown === null || !('status' in thrown));
        expect(problemOf(thrown, 'id')).toMatchObject({ status: 500, code: 'internal', instance: 'id' });
      }),
    );
  });

  it('says where a field is wrong, as a JSON pointer', () => {
    const error = {
      status: 400,
      message: 'm',
      errors: [
        { path: '/body/target/pod', message: 'bad' },
        { path: '/query/limit', message: 'big' },
        { path: '/x', message: 'no place' },
      ],
    };
    expect(problemOf(error, 'id').errors).toEqual([
      { in: 'body', pointer: '#/target/pod', detail: 'bad' },
      { in: 'query', pointer: '#/limit', detail: 'big' },
    ]);
  });
});
