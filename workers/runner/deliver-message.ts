import { batchEventSchema, type MilestoneEvent } from '../../playbooks/delivery/event.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { deliveryWishSchema } from '../../store/delivery-office.js';
import { type DeliveryRecord, deliveryId } from '../../store/delivery-record.js';
import { batchEventOf, milestonesOfRun, runEventOf } from './deliver-event.js';
import type { RunnerDeps } from './deps.js';

/**
 * What a delivery tells, from what is signed alone: whoever can write to Redis can have nothing told that is not so, and to nobody whom the signed
 * request does not name.
 * @throws TriageError `custody-broken` for a delivery that nothing signed confirms
 */
export async function eventToTell(deps: RunnerDeps, id: string, record: DeliveryRecord): Promise<MilestoneEvent> {
  if (deliveryId(record) !== id) throw unfounded(id, 'is not what its id stands for');
  return record.run === undefined ? batchEvent(deps, id, record) : runEvent(deps, id, record.run, record);
}

async function runEvent(deps: RunnerDeps, id: string, run: string, record: DeliveryRecord): Promise<MilestoneEvent> {
  const info = await deps.signed.info(run);
  if (!(info.request.notify ?? []).includes(record.endpoint)) throw unfounded(id, 'goes to an endpoint that its run does not name');
  const reached = (await milestonesOfRun(deps, run)).find(
    ({ milestone, at, amendment }) => milestone === record.milestone && at === record.at && amendment?.version === record.version,
  );
  if (reached === undefined) throw unfounded(id, 'tells of what its run has not reached');
  const ends = await deps.signed.told(run, id);
  if (ends > 0 && (await wishedAfter(deps, id, record)) !== ends) throw unfounded(id, 'has ended by custody, and nobody has asked for it again');
  return runEventOf(deps, info, reached);
}

async function batchEvent({ texts, deliveries }: RunnerDeps, id: string, { event, at }: DeliveryRecord): Promise<MilestoneEvent> {
  const told = await texts.read({ purpose: 'delivery-event', about: id }, batchEventSchema, event, () => deliveries.drop(id));
  if (told === undefined) throw unfounded(id, 'tells of a batch what no API has signed');
  return batchEventOf(told, at);
}

/** How often the delivery had ended when the API signed that it is to be sent again. */
async function wishedAfter({ texts, deliveries }: RunnerDeps, id: string, { wish }: DeliveryRecord): Promise<number | undefined> {
  return (await texts.read({ purpose: 'delivery-wish', about: id }, deliveryWishSchema, wish, () => deliveries.drop(id)))?.ends;
}

function unfounded(id: string, why: string): TriageError {
  return new TriageError('custody-broken', `delivery ${id} in Redis ${why}; it is not sent`);
}
