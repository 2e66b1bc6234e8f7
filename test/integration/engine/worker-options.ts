import { z } from 'zod';

/** What a worker process of a test is told, as JSON in its first argument. */
export const workerOptionsSchema = z.object({
  socket: z.string(),
  prefix: z.string(),
  keys: z.string(),
  id: z.string(),
  lockMs: z.int(),
  stalledMs: z.int(),
  nodeSlots: z.int(),
  /** Absent: no source is asked. */
  virusTotal: z
    .object({
      url: z.string(),
      apiKey: z.string(),
      limits: z.object({ perMinute: z.int(), perDay: z.int(), perMonth: z.int() }),
      windowMs: z.int(),
    })
    .optional(),
});
export type WorkerOptions = z.output<typeof workerOptionsSchema>;
