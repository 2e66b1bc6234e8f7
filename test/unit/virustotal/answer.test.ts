import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { lookupSchema } from '../../../playbooks/domain/lookup.js';
import { readAnswer } from '../../../workers/adapters/virustotal/answer.js';
import { fileObject } from '../../emulators/virustotal-files.js';

const sha256 = 'a'.repeat(64);
const question = { sha256, askedAt: '2025-01-02T03:04:05.000Z', detectedFrom: 3 };

function read(status: number, body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readAnswer(question, { status, body: Buffer.from(text) });
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TriageError) return error.code;
    throw error;
  }
  return 'none';
}

function withStats(stats: object | undefined, extra: object = {}): object {
  return { data: { type: 'file', id: sha256, attributes: { ...(stats === undefined ? {} : { last_analysis_stats: stats }), ...extra } } };
}

describe('the status of a file', () => {
  it.each([
    [60, 0, 12, 'detected'],
    [3, 0, 60, 'detected'],
    [2, 0, 60, 'suspicious'],
    [1, 0, 60, 'suspicious'],
    [0, 1, 60, 'suspicious'],
    [0, 0, 60, 'undetected'],
    [0, 0, 0, 'unknown'],
  ])('is, for %i malicious, %i suspicious and %i undetected, %4$s', (malicious, suspicious, undetected, status) => {
    const lookup = read(200, fileObject(sha256, { name: 'x', malicious, suspicious, undetected }));
    expect(lookup.status).toBe(status);
    expect(lookupSchema.safeParse({ ...lookup, cached: false }).success).toBe(true);
  });

  it('is unknown, with a reason, for a file that was never analysed', () => {
    expect(read(200, withStats(undefined))).toMatchObject({ status: 'unknown', reason: expect.stringContaining('not analysed') as string });
  });

  it('is unknown for a file that VirusTotal has never seen', () => {
    expect(read(404, { error: { code: 'NotFoundError', message: 'File not found' } }).status).toBe('unknown');
  });
});

describe('an answer that says nothing about the file', () => {
  const stats = { malicious: 0, suspicious: 0, undetected: 60 };
  it.each([
    ['another file', 200, { data: { type: 'file', id: 'b'.repeat(64), attributes: { last_analysis_stats: stats } } }, 'intel-invalid-answer'],
    ['another sha256 inside', 200, withStats(stats, { sha256: 'b'.repeat(64) }), 'intel-invalid-answer'],
    ['another kind of object', 200, { data: { type: 'url', id: sha256, attributes: {} } }, 'intel-invalid-answer'],
    ['numbers as text', 200, withStats({ malicious: '0', suspicious: 0, undetected: 60 }), 'intel-invalid-answer'],
    ['negative numbers', 200, withStats({ malicious: -1, suspicious: 0, undetected: 60 }), 'intel-invalid-answer'],
    ['half of the numbers', 200, withStats({ undetected: 60 }), 'intel-invalid-answer'],
    ['HTML', 200, '<html>log in</html>', 'intel-invalid-answer'],
    ['nothing', 200, '', 'intel-invalid-answer'],
    ['a redirect', 302, '', 'intel-invalid-answer'],
    ['version 2 over quota', 204, '', 'intel-invalid-answer'],
    ['404 of a wrong URL', 404, '<html>not here</html>', 'intel-invalid-answer'],
    ['a bad request', 400, { error: { code: 'BadRequestError' } }, 'intel-invalid-answer'],
    ['a later answer', 400, { error: { code: 'NotAvailableYet' } }, 'intel-unavailable'],
    ['a wrong key', 401, { error: { code: 'WrongCredentialsError' } }, 'intel-unauthorized'],
    ['a key without the right', 403, { error: { code: 'ForbiddenError' } }, 'intel-unauthorized'],
    ['a refusal in other words', 403, '<html>blocked by policy</html>', 'intel-unavailable'],
    ['a proxy that wants a password', 407, '', 'intel-unavailable'],
    ['a code that could be an echo', 401, { error: { code: 'SecretSecretSecret' } }, 'intel-unavailable'],
    ['quota', 429, { error: { code: 'QuotaExceededError' } }, 'intel-quota'],
    ['a server error', 500, 'oops', 'intel-unavailable'],
    ['a transient error', 503, { error: { code: 'TransientError' } }, 'intel-unavailable'],
    ['a late server', 504, { error: { code: 'DeadlineExceededError' } }, 'intel-unavailable'],
  ])('is refused: %s', (_name, status, body, code) => {
    expect(codeOf(() => read(status, body))).toBe(code);
  });
});

describe('what decorates an answer', () => {
  it('keeps engines, label, name, dates and link', () => {
    const lookup = read(200, fileObject(sha256, { name: 'xmrig', malicious: 60, undetected: 12, label: 'miner.xmrig/linux' }));
    expect(lookup).toMatchObject({
      label: 'miner.xmrig/linux',
      name: 'xmrig',
      stats: { malicious: 60, suspicious: 0, undetected: 12, harmless: 0, other: 5 },
      firstSeen: '2024-01-15T09:30:00.000Z',
      lastAnalysed: '2025-06-01T12:00:00.000Z',
      link: `https://www.virustotal.com/gui/file/${sha256}`,
    });
    expect(lookup.engines).toHaveLength(20);
  });

  it('never costs a verdict when it is odd', () => {
    const odd = { meaningful_name: 7, first_submission_date: 'x', popular_threat_classification: [], last_analysis_results: { A: 1 } };
    expect(read(200, withStats({ malicious: 9, suspicious: 0, undetected: 1 }, odd))).toMatchObject({ status: 'detected' });
  });

  it('is safe to print and bounded, whatever people called the file', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        const extra = {
          meaningful_name: text,
          popular_threat_classification: { suggested_threat_label: text },
          last_analysis_results: { [`x${text}`]: { category: 'malicious' } },
        };
        const lookup = read(200, withStats({ malicious: 5, suspicious: 0, undetected: 1 }, extra));
        const shown = [lookup.name ?? '', lookup.label ?? '', ...(lookup.engines ?? [])].join('');
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(lookupSchema.safeParse({ ...lookup, cached: false }).success).toBe(true);
      }),
    );
  });
});
