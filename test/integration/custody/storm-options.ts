import { z } from 'zod';

/** What a child of the storm is started with. */
export const childOptionsSchema = z.object({
  socket: z.string(),
  prefix: z.string(),
  /** Folders: keys, evidence store, and where bags are written. */
  keys: z.string(),
  evidence: z.string(),
  bags: z.string(),
  /** A run that all children write to. */
  shared: z.string(),
  id: z.string(),
  /** It writes bags, and nothing else. */
  bagger: z.boolean(),
});
export type ChildOptions = z.output<typeof childOptionsSchema>;

/** What a child says once an act has been answered for: it must be there from then on. */
export const answerSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('ready') }),
  /** An entry of a run's chain, by its mark. */
  z.object({ what: z.literal('act'), run: z.string(), mark: z.string() }),
  z.object({ what: z.literal('stored'), sha256: z.string() }),
  z.object({ what: z.literal('bag'), path: z.string() }),
]);
export type Answer = z.output<typeof answerSchema>;
