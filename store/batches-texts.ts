import { z } from 'zod';
import { reachSchema } from '../playbooks/domain/access.js';
import { sha256Schema } from '../playbooks/domain/artifact.js';
import { batchRequestSchema } from '../playbooks/domain/batch.js';
import { failureSchema } from '../playbooks/domain/run.js';
import { batchTargetSchema } from '../playbooks/fleet/target.js';
import type { TextPlace } from './signed-text.js';

/** Pods of one signed page. */
export const podsPerPage = 250;
/** How often the selection of a batch is listed: pods that have come meanwhile are taken up by the later ones. */
export const maxRounds = 3;

/** What was asked for, by whom, and where he may look: signed by the API. */
export const batchOrderSchema = z.strictObject({
  request: batchRequestSchema,
  requestedBy: z.string(),
  reach: reachSchema,
  createdAt: z.iso.datetime(),
});
export type BatchOrder = z.output<typeof batchOrderSchema>;

/** What a worker has found in one round. Its pages are texts of their own. */
export const roundSchema = z.strictObject({
  at: z.iso.datetime(),
  pages: z.int().nonnegative(),
  /** Pods that are new in this round. */
  count: z.int().nonnegative(),
  /** Of those. */
  namespaces: z.array(z.string()),
  /** Pods that who asked may not look at. */
  foreign: z.int().nonnegative(),
  /** Pods of a later round that were too many for the batch. */
  left: z.int().nonnegative(),
  /** Why there are none. */
  error: failureSchema.optional(),
});
export type Round = z.output<typeof roundSchema>;

export const pageSchema = z.array(batchTargetSchema).max(podsPerPage);

/** What people want of a batch that there is. */
export const wishes = ['pause', 'resume', 'cancel', 'retry'] as const;
export type Wish = (typeof wishes)[number];
export const wishSchema = z.strictObject({ wish: z.enum(wishes), by: z.string(), at: z.iso.datetime() });
export type SignedWish = z.output<typeof wishSchema>;

/** The fleet report of a batch, after so many wishes. */
export const fleetSchema = z.strictObject({
  sha256: sha256Schema,
  size: z.int().nonnegative(),
  after: z.int().nonnegative(),
  at: z.iso.datetime(),
});
export type FleetFile = z.output<typeof fleetSchema>;

/** The places of these texts. */
export const places = {
  order: (batch: string): TextPlace => ({ purpose: 'batch', about: batch }),
  round: (batch: string, round: number): TextPlace => ({ purpose: 'batch-targets', about: `${batch}.${round}` }),
  page: (batch: string, round: number, page: number): TextPlace => ({ purpose: 'batch-targets', about: `${batch}.${round}.${page}` }),
  wish: (batch: string, number: number): TextPlace => ({ purpose: 'batch-wish', about: `${batch}.${number}` }),
  fleet: (batch: string): TextPlace => ({ purpose: 'fleet', about: batch }),
} as const;
