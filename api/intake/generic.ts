import { valueAt } from '../../playbooks/domain/json-pointer.js';
import type { GenericSource } from '../../playbooks/triggers/config.js';
import { alertOf, fingerprintOf, heardOf, type Intake, priorityFrom, timeFrom } from './intake.js';

/**
 * Reads bodies of a shape that the configuration describes.
 * @param id of the delivery (`webhook-id`): the same one is the same alert
 */
export function genericIntake({ name, cluster: own, fields, priorities }: GenericSource, id: string): Intake {
  return (body, { cluster, now }) => {
    const at = (pointer: string | undefined): string | undefined => textAt(body, pointer);
    const card = {
      intake: 'generic',
      fingerprint: fingerprintOf('generic', name, id),
      rule: at(fields.rule) ?? name,
      priority: priorityFrom(at(fields.priority), priorities),
      at: timeFrom(at(fields.at), now),
      summary: at(fields.summary),
    } as const;
    const suspect = alertOf(card, {
      cluster: own ?? cluster,
      namespace: at(fields.namespace),
      pod: at(fields.pod),
      container: at(fields.container),
      uid: at(fields.uid),
      containerId: at(fields.containerId),
    });
    return heardOf([suspect]);
  };
}

/** The text or number that a JSON pointer leads to. */
function textAt(body: unknown, pointer: string | undefined): string | undefined {
  const value = pointer === undefined ? undefined : valueAt(body, pointer);
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  return text === '' ? undefined : text;
}
