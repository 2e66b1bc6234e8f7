import { z } from 'zod';
import { displayText } from '../../playbooks/domain/path-name.js';
import { fleetReportSchema } from '../../playbooks/fleet/report.js';
import { type Batch, type BatchTarget, batchPageSchema, batchSchema, batchTargetPageSchema } from '../batch-types.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { countsText, etaText, fleetText, planText } from '../ui/batch-text.js';
import { table } from '../ui/table.js';
import { batchPath } from './batch.js';

/** What a batch can be told. */
export const batchWishes = ['pause', 'resume', 'cancel', 'retry'] as const;
export type BatchWish = (typeof batchWishes)[number];

/** The forms of a fleet report. */
export const fleetFormats = ['terminal', 'json', 'csv'] as const;
export type FleetFormat = (typeof fleetFormats)[number];

/** `podtriage batches`: newest first. */
export async function listBatches(io: Io, client: ApiClient, options: { readonly limit: number; readonly json?: boolean }): Promise<number> {
  const { batches } = await client.ask(batchPageSchema, 'GET', `/api/v1/batches?limit=${options.limit}`);
  if (options.json === true) io.out(`${safeJson(batches)}\n`);
  else io.out(table([['BATCH', 'CREATED', 'STATE', 'PLAYBOOK', 'PODS'], ...batches.map(row)]));
  return exitCodes.ok;
}

function row(batch: Batch): string[] {
  return [batch.id, batch.createdAt, batch.state, batch.request.playbook, countsText(batch)].map(displayText);
}

/** `podtriage batch show ID`: where it and each of its pods stand. */
export async function showBatch(io: Io, client: ApiClient, id: string, options: { readonly json?: boolean }): Promise<number> {
  const batch = await client.ask(batchSchema, 'GET', batchPath(id));
  const targets = await targetsOf(client, id);
  if (options.json === true) {
    io.out(`${safeJson({ ...batch, targets })}\n`);
    return exitCodes.ok;
  }
  const eta = etaText(batch, Date.now());
  io.out(`${displayText(`${batch.id} ${batch.state}: ${countsText(batch)}`)}\n${eta === undefined ? '' : `${eta}\n`}`);
  if (batch.error !== undefined) io.out(`${displayText(batch.error.message)}\n`);
  if (batch.leftOut !== undefined) io.out(`${batch.leftOut} pods came while it ran, and were too many for it\n`);
  io.out(planText(batch, Date.now()));
  if (targets.length > 0) io.out(table([['POD', 'NODE', 'STATE', 'VERDICT', 'RUN'], ...targets.map(targetRow)]));
  return exitCodes.ok;
}

async function targetsOf(client: ApiClient, id: string): Promise<BatchTarget[]> {
  const all: BatchTarget[] = [];
  for (let cursor: string | undefined = '0'; cursor !== undefined; ) {
    const path: string = `${batchPath(id)}/targets?limit=1000&cursor=${encodeURIComponent(cursor)}`;
    const page: z.output<typeof batchTargetPageSchema> = await client.ask(batchTargetPageSchema, 'GET', path);
    all.push(...page.targets);
    cursor = page.next;
  }
  return all;
}

function targetRow({ namespace, pod, node, state, verdict, error, run }: BatchTarget): string[] {
  return [`${namespace}/${pod}`, node ?? '-', error === undefined ? state : `${state} (${error.code})`, verdict ?? '-', run ?? '-'].map(displayText);
}

/** `podtriage batch pause|resume|cancel|retry ID`. */
export async function tellBatch(io: Io, client: ApiClient, id: string, wish: BatchWish): Promise<number> {
  const batch = await client.ask(batchSchema, 'POST', `${batchPath(id)}/${wish}`);
  io.out(`${displayText(`${batch.id} ${batch.state}: ${countsText(batch)}`)}\n`);
  return exitCodes.ok;
}

/** `podtriage batch report ID`. Throws `not-found` while there is none. */
export async function printFleet(io: Io, client: ApiClient, id: string, format: FleetFormat): Promise<number> {
  const path = `${batchPath(id)}/report`;
  if (format === 'csv') io.out(await client.ask(z.string(), 'GET', `${path}?format=csv`));
  else {
    const report = await client.ask(fleetReportSchema, 'GET', path);
    io.out(format === 'json' ? `${safeJson(report)}\n` : fleetText(report));
  }
  return exitCodes.ok;
}
