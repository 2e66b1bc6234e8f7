import { z } from 'zod';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { table } from '../ui/table.js';

const deliverySchema = z.object({
  id: z.string(),
  run: z.string().optional(),
  batch: z.string().optional(),
  endpoint: z.string(),
  milestone: z.string(),
  state: z.string(),
  attempts: z.int(),
  at: z.iso.datetime(),
  nextAt: z.iso.datetime().optional(),
  lastError: z.object({ code: z.string(), message: z.string() }).optional(),
});
type Delivery = z.output<typeof deliverySchema>;
const pageSchema = z.object({ deliveries: z.array(deliverySchema), next: z.string().optional() });
const endpointsSchema = z.object({
  endpoints: z.array(z.object({ name: z.string(), kind: z.string(), milestones: z.array(z.string()), url: z.string().optional() })),
});

/** What `podtriage deliveries` was asked for. */
export interface DeliveriesOptions {
  readonly dead?: boolean;
  readonly run?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** `podtriage deliveries`: what was told to endpoints, newest first. */
export async function listDeliveries(io: Io, client: ApiClient, { dead, run, limit, json }: DeliveriesOptions): Promise<number> {
  const rows: Delivery[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined && rows.length < limit; ) {
    const query = new URLSearchParams({ limit: String(limit - rows.length) });
    if (dead === true) query.set('state', 'dead');
    if (run !== undefined) query.set('run', run);
    if (cursor !== '') query.set('cursor', cursor);
    const page: z.output<typeof pageSchema> = await client.ask(pageSchema, 'GET', `/api/v1/deliveries?${query.toString()}`);
    rows.push(...page.deliveries);
    cursor = page.next;
  }
  if (json === true) io.out(`${safeJson(rows)}\n`);
  else io.out(table([['DELIVERY', 'REACHED', 'ENDPOINT', 'MILESTONE', 'OF', 'STATE'], ...rows.map(row)]));
  return exitCodes.ok;
}

/** `podtriage deliveries resend`: sends one again that has ended. */
export async function resendDelivery(io: Io, client: ApiClient, id: string): Promise<number> {
  const { endpoint, milestone } = await client.ask(deliverySchema, 'POST', `/api/v1/deliveries/${encodeURIComponent(id)}/resend`);
  io.out(`${displayText(`${id}: endpoint ${endpoint} is told ${milestone} again`)}\n`);
  return exitCodes.ok;
}

/** `podtriage endpoints`: where results can go. */
export async function listEndpoints(io: Io, client: ApiClient, { json }: { readonly json?: boolean }): Promise<number> {
  const { endpoints } = await client.ask(endpointsSchema, 'GET', '/api/v1/endpoints');
  if (json === true) io.out(`${safeJson(endpoints)}\n`);
  else
    io.out(
      table([['NAME', 'KIND', 'MILESTONES'], ...endpoints.map(({ name, kind, milestones }) => [name, kind, milestones.join(', ')].map(displayText))]),
    );
  return exitCodes.ok;
}

function row({ id, at, endpoint, milestone, run, batch, state, attempts, nextAt, lastError }: Delivery): string[] {
  const why = lastError === undefined ? '' : `: ${lastError.message}`;
  const next = state === 'pending' && attempts > 0 && nextAt !== undefined ? `, next ${nextAt}` : '';
  const tries = state === 'delivered' ? '' : ` (${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}${next})`;
  return [id, at, endpoint, milestone, run ?? batch ?? '-', `${state}${tries}${why}`].map(displayText);
}
