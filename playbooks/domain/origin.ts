import { z } from 'zod';
import { triggerSchema } from './trigger.js';

/** Why there is a run, where not just somebody asked for it. */
export const originSchema = z.strictObject({
  trigger: triggerSchema.optional(),
  /** Id of the batch that it is part of. */
  batch: z.string().max(100).optional(),
  /** The run of the same pod that it takes the place of. */
  retryOf: z.string().max(100).optional(),
});
export type Origin = z.output<typeof originSchema>;
