import { z } from 'zod';
import { listedPodSchema } from '../domain/batch.js';
import { targetSchema } from '../domain/request.js';

const { namespace, pod, uid, node, owner, images } = listedPodSchema.shape;

/** A pod of a batch, as the worker signs it that has found it. */
export const batchTargetSchema = z.strictObject({
  namespace,
  pod,
  container: targetSchema.shape.container,
  /** Absent where there is no such pod. */
  uid: uid.optional(),
  node,
  owner,
  images,
  /** It was asked for by name, and is not there. */
  gone: z.literal(true).optional(),
});
export type BatchTarget = z.output<typeof batchTargetSchema>;
