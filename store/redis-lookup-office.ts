import type { Redis } from 'ioredis';
import type { QuotaCounts } from '../playbooks/domain/quota.js';
import type { Keys } from './keys.js';
import { LookupDesk, lookupQueue } from './lookup-desk.js';
import { endOfLine, etaText, lineByPriority } from './lookup-line.js';
import type { KeyQuota, LookupOffice, LookupView, QuotaStatus } from './lookup-office.js';
import { ofRedis } from './of-redis.js';
import type { Queues } from './queues.js';
import type { LedgerState } from './quota.js';
import { quotaStates } from './quota-keys.js';
import type { SignedTexts } from './signed-text.js';

const defaultSource = 'virustotal';
/** Who asks without a run: nobody is woken, and a run that is cancelled does not take the question away. */
const officeAsker = 'office';

/** The lookup desk for people, in Redis. Holds no key. */
export class RedisLookupOffice implements LookupOffice {
  private readonly desk: LookupDesk;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: Queues,
    texts: SignedTexts,
  ) {
    this.desk = new LookupDesk(redis, keys, queues, texts);
  }

  quota(): Promise<QuotaStatus> {
    return ofRedis(async () => {
      const queue = this.queues.get(lookupQueue);
      const [{ source, states }, waiting, last] = await Promise.all([
        quotaStates(this.redis, this.keys),
        lineByPriority(this.redis, queue),
        endOfLine(this.redis, queue),
      ]);
      const eta = last === undefined ? undefined : etaText(states, last);
      return { source: source ?? defaultSource, keys: states.map(keyQuota), waiting, ...(eta === undefined ? {} : { eta }) };
    });
  }

  lookup(sha256: string): Promise<LookupView> {
    return ofRedis(async () => {
      const lookup = (await this.desk.answers([sha256])).get(sha256);
      if (lookup !== undefined) return { state: 'answered', lookup };
      const waiting = await this.desk.waits(sha256);
      if (!waiting) return { state: 'absent' };
      const eta = await this.desk.eta([sha256]);
      return { state: 'waiting', ...(eta === undefined ? {} : { eta }) };
    });
  }

  ask(sha256: string): Promise<void> {
    return ofRedis(async () => {
      if ((await this.desk.answers([sha256])).has(sha256)) return;
      await this.desk.ask(officeAsker, [{ sha256, rank: 0 }], 'interactive');
    });
  }
}

function keyQuota({ key, limits, used, waitMs, why, reportedAt }: LedgerState): KeyQuota {
  const left = (window: keyof QuotaCounts): number => Math.max(0, limits[window] - used[window]);
  return {
    key,
    limits,
    used,
    left: { minute: left('minute'), day: left('day'), month: left('month') },
    waitMs,
    ...(why === undefined ? {} : { why: why === 'trying' ? 'blocked' : why }),
    ...(reportedAt === undefined ? {} : { reportedAt: new Date(reportedAt).toISOString() }),
  };
}
