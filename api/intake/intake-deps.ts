import type { Webhook } from 'standardwebhooks';
import type { Intakes } from '../../playbooks/triggers/config.js';
import type { LeftAlerts } from '../../store/triggers.js';
import type { IntakeDesk } from './desk.js';

/** The intakes of an installation that has any. */
export interface IntakeDeps {
  readonly config: Intakes;
  readonly desk: Pick<IntakeDesk, 'takeAll'>;
  /** By name of the generic source. */
  readonly secrets: ReadonlyMap<string, readonly Webhook[]>;
  /** What alerts were about that have led to no run. */
  readonly left: () => Promise<readonly LeftAlerts[]>;
}
