import { afterMs } from '../../playbooks/domain/abort.js';
import { asTriageError } from '../../playbooks/domain/error.js';
import type { IntelPort } from '../../playbooks/ports.js';
import type { Grant } from '../../store/quota.js';
import type { RunnerDeps } from './deps.js';

type Deps = Pick<RunnerDeps, 'quota' | 'timings' | 'logger'>;

/**
 * Asks the source what it counts for a key, with a request that the ledger has granted, and takes it over. A source that does not say leaves
 * the ledger as it is.
 */
export async function askQuota({ quota, timings, logger }: Deps, intel: IntelPort, grant: Grant, signal?: AbortSignal): Promise<void> {
  const { key } = grant;
  const ledger = quota.of(key);
  const timeout = afterMs(timings.lookupTimeoutMs);
  try {
    const said = await intel.quota?.(key, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    if (said === undefined && quota.firstSilence(key)) logger.info({ key }, 'the intelligence source does not report the quota of this key');
    await ledger.report(grant.period, said);
    if (said?.hour !== undefined && said.hour.used >= said.hour.allowed) await ledger.block();
  } catch (raw) {
    const { code, message } = asTriageError(raw);
    if (code === 'intel-quota')
      logger.warn({ key, ms: await ledger.block() }, 'the intelligence source refused a request: asking with this key pauses');
    else if (code === 'intel-unauthorized') {
      await ledger.refuse(message);
      logger.warn({ key }, message);
    } else {
      await ledger.report(grant.period, undefined);
      logger.info({ key, code }, 'the quota of this key could not be asked for');
    }
  }
}

/** Shows which keys this worker has, and asks about each of their quotas if no worker has within an hour. May be called as often as one likes. */
export async function syncQuotas(deps: Deps, intel: IntelPort, signal: AbortSignal): Promise<void> {
  const { quota, logger } = deps;
  try {
    await quota.announce(intel.source);
    for (const { key } of intel.quota === undefined ? [] : quota.all) {
      if (signal.aborted || !(await quota.mayAsk(key))) continue;
      const grant = await quota.of(key).reserve(true);
      if (grant.granted) await askQuota(deps, intel, grant, signal);
      else await quota.couldNotAsk(key);
    }
  } catch (err) {
    logger.warn({ err }, 'could not look after the quota');
  }
}
