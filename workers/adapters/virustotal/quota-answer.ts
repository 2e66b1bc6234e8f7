import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { ReportedCount, ReportedQuota } from '../../../playbooks/domain/quota.js';
import { errorCode, foreignRefusal, jsonOf, keyRefused, quotaUsedUp } from './answer.js';
import type { HttpAnswer } from './request.js';

const countSchema = z.object({ allowed: z.number().nonnegative(), used: z.number().nonnegative() });
const windowSchema = z
  .object({ user: countSchema.optional().catch(undefined), group: countSchema.optional().catch(undefined) })
  .optional()
  .catch(undefined);

/** The part of a quota summary that we read (VirusTotal API v3, "Get a user's quota summary"). */
const summarySchema = z.object({
  data: z.object({ api_requests_hourly: windowSchema, api_requests_daily: windowSchema, api_requests_monthly: windowSchema }),
});

/**
 * Reads the answer of `GET /api/v3/users/{id}/overall_quotas`. Undefined where the key may not ask (403), there is no such endpoint (404),
 * or the answer is not to be understood: then the configuration stands.
 * @throws TriageError `intel-unauthorized`, `intel-quota`, `intel-unavailable`
 */
export function readQuota({ status, body }: HttpAnswer): ReportedQuota | undefined {
  const code = errorCode(body);
  if (status === 401 || status === 407) throw code === undefined ? foreignRefusal(status) : keyRefused(status, code);
  if (status === 429) throw quotaUsedUp(status, code);
  if (status >= 500) throw new TriageError('intel-unavailable', `VirusTotal answered ${status} about its quota; it may work later`);
  const parsed = status === 200 ? summarySchema.safeParse(jsonOf(body)) : undefined;
  if (parsed?.success !== true) return undefined;
  const { api_requests_hourly, api_requests_daily, api_requests_monthly } = parsed.data.data;
  const [hour, day, month] = [api_requests_hourly, api_requests_daily, api_requests_monthly].map(tighter);
  const said = { ...(hour === undefined ? {} : { hour }), ...(day === undefined ? {} : { day }), ...(month === undefined ? {} : { month }) };
  return Object.keys(said).length === 0 ? undefined : said;
}

/** A request counts for the user and for the group whose quota it is: the one with less left decides. Nothing allowed at all means no budget of its own. */
function tighter(window: z.output<typeof windowSchema>): ReportedCount | undefined {
  const counts = [window?.user, window?.group].filter((count) => count !== undefined && count.allowed > 0);
  const left = ({ allowed, used }: ReportedCount): number => allowed - used;
  const first = counts.reduce<ReportedCount | undefined>(
    (best, count) => (count !== undefined && (best === undefined || left(count) < left(best)) ? count : best),
    undefined,
  );
  return first === undefined ? undefined : { allowed: Math.floor(first.allowed), used: Math.ceil(first.used) };
}
