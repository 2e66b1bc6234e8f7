import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayText, pathBytes, pathName } from '../../../playbooks/domain/path-name.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { runStates, transition } from '../../../playbooks/domain/run.js';

describe('pathName', () => {
  it('gives back the exact bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => pathBytes(pathName(bytes)).equals(Buffer.from(bytes))));
  });

  it('shows no control, format or bidi character, and nothing that is no UTF-8', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(text, 'utf8')),
        ),
        (bytes) => {
          expect(pathName(bytes).text).not.toMatch(/[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}\ufffd]|(?! )\p{Zs}/u);
        },
      ),
    );
  });

  it.each([
    ['plain/näme', 'plain/näme'],
    ['new\nline', 'new\\x0aline'],
    ['\u202Egpj.exe', '\\xe2\\x80\\xaegpj.exe'],
    ['back\\slash', 'back\\x5cslash'],
    ['filler\u3164', 'filler\\xe3\\x85\\xa4'],
    ['no\u00a0break', 'no\\xc2\\xa0break'],
    ['blank\u2800', 'blank\\xe2\\xa0\\x80'],
  ])('shows %j as %j', (name, shown) => {
    expect(displayText(name)).toBe(shown);
  });
});

describe('runRequestSchema', () => {
  const request = (target: object) => runRequestSchema.safeParse({ target: { namespace: 'shop', pod: 'web', ...target } });

  it('fills in cluster, playbook, priority and limits', () => {
    expect(request({}).data).toMatchObject({
      target: { cluster: 'default' },
      playbook: 'a-f-02',
      options: { priority: 'interactive', limits: { files: 5000 } },
    });
  });

  it.each([
    ['a path', { pod: '../web' }],
    ['upper case', { pod: 'Web' }],
    ['254 characters', { pod: 'a'.repeat(254) }],
    ['a namespace of 64 characters', { namespace: 'a'.repeat(64) }],
    ['a trailing dash', { pod: 'web-' }],
    ['a container with a dot', { container: 'a.b' }],
    ['an unknown field', { uid: 'x' }],
    ['a newline', { pod: 'web\n' }],
  ])('refuses %s', (_, target) => {
    expect(request(target).success).toBe(false);
  });
});

describe('transition', () => {
  it('never leaves an end', () => {
    for (const state of ['completed', 'failed', 'cancelled'] as const) {
      for (const event of ['begin', 'cancel', 'complete', 'fail', 'seal-cancelled'] as const) expect(transition(state, event)).toBeUndefined();
    }
  });

  it('reaches every state from queued', () => {
    const seen = new Set(['queued']);
    for (const state of runStates)
      for (const event of ['begin', 'cancel', 'complete', 'fail', 'seal-cancelled'] as const) seen.add(transition(state, event) ?? state);
    expect([...seen].sort()).toEqual([...runStates].sort());
  });

  it('never completes a run that is being cancelled', () => {
    expect(transition('cancelling', 'complete')).toBeUndefined();
    expect(transition('cancelling', 'seal-cancelled')).toBe('cancelled');
  });
});
