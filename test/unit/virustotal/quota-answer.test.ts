import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { readQuota } from '../../../workers/adapters/virustotal/quota-answer.js';

function answer(data: unknown, status = 200) {
  return { status, body: Buffer.from(JSON.stringify(data)) };
}

const window = (allowed: unknown, used: unknown) => ({ user: { allowed, used } });

/** The example of the documentation ("Get a user's quota summary"), which has a group. */
const documented = {
  data: {
    api_requests_daily: { group: { allowed: 99_000_000, inherited_from: 'company', used: 45_073 }, user: { allowed: 1_000_000_000, used: 17 } },
    api_requests_hourly: { group: { allowed: 3_300_000, inherited_from: 'company', used: 653 }, user: { allowed: 60_000_000_000, used: 0 } },
    api_requests_monthly: {
      group: { allowed: 2_000_000_000, inherited_from: 'company', used: 142_176 },
      user: { allowed: 1_000_000_000, used: 137 },
    },
  },
};

describe("a key's quota as VirusTotal reports it", () => {
  it('is, of user and group, the one with less left', () => {
    expect(readQuota(answer(documented))).toEqual({
      hour: { allowed: 3_300_000, used: 653 },
      day: { allowed: 99_000_000, used: 45_073 },
      month: { allowed: 1_000_000_000, used: 137 },
    });
  });

  it('of a public key has no group', () => {
    const data = { api_requests_hourly: window(240, 1), api_requests_daily: window(500, 20), api_requests_monthly: window(15_500, 300) };
    expect(readQuota(answer({ data }))).toEqual({
      hour: { allowed: 240, used: 1 },
      day: { allowed: 500, used: 20 },
      month: { allowed: 15_500, used: 300 },
    });
  });

  it('leaves out what cannot be understood, and what allows nothing', () => {
    const data = { api_requests_hourly: window('many', 1), api_requests_daily: window(500, 20), api_requests_monthly: window(0, 0) };
    expect(readQuota(answer({ data }))).toEqual({ day: { allowed: 500, used: 20 } });
  });

  it.each([
    ['a key that may not ask', answer({ error: { code: 'ForbiddenError' } }, 403)],
    ['a source that has no such endpoint', answer({ error: { code: 'NotFoundError' } }, 404)],
    ['a page instead of an answer', { status: 200, body: Buffer.from('<html>') }],
    ['an answer about something else', answer({ data: { type: 'file' } })],
    ['an empty answer', { status: 200, body: Buffer.alloc(0) }],
    ['a redirect', { status: 302, body: Buffer.alloc(0) }],
  ])('is not known from %s', (_name, given) => {
    expect(readQuota(given)).toBeUndefined();
  });

  it.each([
    [401, 'WrongCredentialsError', 'intel-unauthorized'],
    [401, 'of a proxy', 'intel-unavailable'],
    [407, 'of a proxy', 'intel-unavailable'],
    [429, 'QuotaExceededError', 'intel-quota'],
    [503, 'TransientError', 'intel-unavailable'],
  ])('%i %s is %s', (status, said, code) => {
    expect(() => readQuota(answer({ error: { code: said } }, status))).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('is numbers or nothing, whatever comes', () => {
    const body = fc.oneof(
      fc.json(),
      fc.json().map((text) => `{"data":{"api_requests_daily":{"user":${text},"group":{"allowed":1,"used":-1}}}}`),
    );
    fc.assert(
      fc.property(body, fc.constantFrom(200, 400, 401, 404, 429, 500), (text, status) => {
        try {
          const said = readQuota({ status, body: Buffer.from(text) });
          for (const count of [said?.hour, said?.day, said?.month]) expect([count?.allowed ?? 0, count?.used ?? 0].every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(TriageError);
        }
      }),
    );
  });
});
