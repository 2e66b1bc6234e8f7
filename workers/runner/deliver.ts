import { DelayedError, type Job, type Processor } from 'bullmq';
import { z } from 'zod';
import { isTold } from '../../playbooks/delivery/endpoints.js';
import type { MilestoneEvent } from '../../playbooks/delivery/event.js';
import type { Endpoint, Sent } from '../../playbooks/delivery/port.js';
import { nextTry } from '../../playbooks/delivery/retry.js';
import { afterMs } from '../../playbooks/domain/abort.js';
import { sha256Hex } from '../../playbooks/domain/custody.js';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import type { NotTaken } from '../../store/deliveries.js';
import type { DeliveryRecord } from '../../store/delivery-record.js';
import { defined } from '../../store/run-record.js';
import { eventToTell } from './deliver-message.js';
import { sendInChat } from './deliver-slack.js';
import type { RunnerDeps } from './deps.js';
import { handBack } from './parking.js';

const deliveryJobSchema = z.object({ delivery: z.string() });
/** So many attempts are made at one endpoint at once by a process, so that one that hangs does not hold up the others. */
const attemptsAtOnce = 4;
/** When to look again whether an endpoint has room, in milliseconds: at a time of this span, so that hundreds who wait do not all look each second. */
const busyMs = { from: 1_000, to: 10_000 } as const;

/** A delivery that is to be tried now. */
interface Due {
  readonly id: string;
  readonly record: DeliveryRecord;
}

/** The same with what it tells. */
interface Told extends Due {
  readonly event: MilestoneEvent;
  /** The event as JSON. */
  readonly body: string;
}

/**
 * Makes the function that BullMQ calls to tell an endpoint. What was not taken is tried again by the same job; what its worker died over while it
 * was sent is sent once more, under the same id: at least once, and never knowingly twice.
 */
export function deliveryProcessor(deps: RunnerDeps): Processor {
  const busy = new Map<string, number>();
  return async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const due = await dueDelivery(deps, deliveryJobSchema.parse(job.data).delivery);
    if (due === undefined) return;
    const { endpoint, nextAt = 0 } = due.record;
    const now = deps.clock().getTime();
    if (nextAt > now) return sleep(job, token, nextAt - now);
    const others = busy.get(endpoint) ?? 0;
    if (others >= attemptsAtOnce) return sleep(job, token, busyMs.from + Math.random() * (busyMs.to - busyMs.from));
    busy.set(endpoint, others + 1);
    const next = await attempt(deps, due, signal).finally(() => busy.set(endpoint, (busy.get(endpoint) ?? 1) - 1));
    if (next === 'shutdown') return handBack(job, token);
    if (next !== undefined) await sleep(job, token, next - deps.clock().getTime());
  };
}

async function dueDelivery({ deliveries, alert }: RunnerDeps, id: string): Promise<Due | undefined> {
  const record = await deliveries.record(id);
  if (record !== undefined) return record.state === 'pending' ? { id, record } : undefined;
  alert(new TriageError('custody-broken', `a job names delivery ${id}, which is not there; it is not done`), { what: 'a job' });
  await deliveries.drop(id);
  return undefined;
}

async function sleep(job: Job, token: string | undefined, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + Math.max(0, ms), token);
  throw new DelayedError();
}

/** One attempt, from reading what there is to tell to what became of it. Returns when to try again, in ms; undefined: the delivery has ended. */
async function attempt(deps: RunnerDeps, due: Due, signal: AbortSignal | undefined): Promise<number | 'shutdown' | undefined> {
  const { id, record } = due;
  const told = await readable(deps, due);
  if (told === undefined) return undefined;
  const endpoint = endpointOf(deps, record, told.event);
  const attempts = await deps.deliveries.tries(id);
  if (attempts === undefined) return undefined;
  if (endpoint === undefined) {
    const reason = `endpoint "${record.endpoint}" is not configured, or is not told of this; look at PODTRIAGE_ENDPOINTS and send it again`;
    return giveUp(deps, told, { error: { code: 'endpoint-unknown', message: reason } }, attempts);
  }
  const sent = await send(deps, endpoint, told, signal);
  if (sent === 'shutdown') return sent;
  if (sent.taken) return taken(deps, told, sent);
  const { code, reason, status, retryAfterMs } = sent;
  const why: NotTaken = { error: { code, message: reason }, ...defined({ status }) };
  const now = deps.clock().getTime();
  const next = sent.final === true ? undefined : nextTry({ attempts, since: record.since, now, ...defined({ retryAfterMs }) });
  if (next === undefined) return giveUp(deps, told, why, attempts);
  await deps.deliveries.later(id, next, why);
  deps.logger.info({ delivery: id, endpoint: record.endpoint, attempts, code, status, next: new Date(next).toISOString() }, 'not delivered yet');
  return next;
}

/** What a delivery tells; undefined where nothing signed says so: then it is given up, and the operator is told. */
async function readable(deps: RunnerDeps, due: Due): Promise<Told | undefined> {
  const { id, record } = due;
  try {
    const event = await eventToTell(deps, id, record);
    return { ...due, event, body: JSON.stringify(event) };
  } catch (raw) {
    const error = asTriageError(raw);
    if (isRetryable(error)) throw error;
    deps.alert(error, { ...defined({ run: record.run }), what: `delivery ${id}` });
    await deps.deliveries.end(id, 'dead', { error: { code: error.code, message: error.message } });
    return undefined;
  }
}

function endpointOf({ ports }: RunnerDeps, { endpoint, milestone, cluster, namespace }: DeliveryRecord, event: MilestoneEvent): Endpoint | undefined {
  const known = ports.endpoints?.get(endpoint);
  const place = event.type === 'batch.finished' ? { cluster, namespace } : event.data.run.target;
  return known !== undefined && isTold(known, milestone, place) ? known : undefined;
}

async function send(
  deps: RunnerDeps,
  endpoint: Endpoint,
  { id, record, event, body }: Told,
  signal: AbortSignal | undefined,
): Promise<Sent | 'shutdown'> {
  const { clock, timings } = deps;
  const late = afterMs(timings.deliverTimeoutMs);
  const limit = signal === undefined ? late : AbortSignal.any([late, signal]);
  try {
    const message = { id, event, body, at: clock() };
    if (endpoint.kind === 'slack')
      return await sendInChat(deps, endpoint, { message, about: `${record.run ?? record.batch}/${endpoint.name}` }, limit);
    return await endpoint.send(message, limit);
  } catch (error) {
    if (signal?.reason === 'shutdown') return 'shutdown';
    if (!late.aborted || signal?.aborted === true) throw error;
    return { taken: false, code: 'delivery-failed', reason: `the endpoint did not answer within ${timings.deliverTimeoutMs / 1_000} s` };
  }
}

async function taken(deps: RunnerDeps, { id, record, body }: Told, { status }: { readonly status?: number }): Promise<undefined> {
  const { run, endpoint, milestone } = record;
  const detail = { endpoint, milestone, delivery: id, sha256: sha256Hex(body), ...defined({ status }) };
  const noted = run === undefined ? undefined : { run, act: { act: 'result.delivered', subject: endpoint, detail } as const };
  await deps.deliveries.end(id, 'delivered', defined({ status }), noted);
  deps.logger.info({ delivery: id, endpoint, milestone, run }, 'delivered');
}

async function giveUp(deps: RunnerDeps, { id, record, body }: Told, why: NotTaken, attempts: number): Promise<undefined> {
  const { run, endpoint, milestone } = record;
  const { code } = why.error;
  const detail = { endpoint, milestone, delivery: id, sha256: sha256Hex(body), error: code, attempts };
  const noted = run === undefined ? undefined : { run, act: { act: 'result.undeliverable', subject: endpoint, detail } as const };
  await deps.deliveries.end(id, 'dead', why, noted);
  deps.logger.error({ delivery: id, endpoint, milestone, run, code, attempts }, 'a result could not be delivered, and nobody tries any more');
}
