import { z } from 'zod';
import { notifySchema } from './config-name.js';
import { optionsSchema, runRequestSchema, targetSchema } from './request.js';

/** The most pods that one batch may have in any installation. */
export const maxBatchPods = 10_000;

/** What owns a pod, as people name it: a pod of a ReplicaSet of a Deployment is the Deployment's. */
export const ownerSchema = z.strictObject({ kind: z.string().min(1).max(63), name: z.string().min(1).max(253) });
export type Owner = z.output<typeof ownerSchema>;

/** Which pods: all that fit every field. */
const whereSchema = z
  .strictObject({
    namespace: targetSchema.shape.namespace.optional(),
    /** A label selector as `kubectl -l` takes it. */
    labels: z.string().min(1).max(1_000).optional(),
    node: z.string().min(1).max(253).optional(),
    /** Of any of its containers: a reference as the pod has it, or the digest (`sha256:...`) that it runs. */
    image: z.string().min(1).max(500).optional(),
    owner: ownerSchema.optional(),
  })
  .refine((where) => Object.values(where).some((value) => value !== undefined), 'must have at least one field; `all: true` takes every pod');
export type PodsWhere = z.output<typeof whereSchema>;

/** What a batch is about. */
export const selectionSchema = z.union([
  z.strictObject({ where: whereSchema }),
  z.strictObject({
    targets: z
      .array(targetSchema.omit({ cluster: true }))
      .min(1)
      .max(maxBatchPods),
  }),
  z.strictObject({ all: z.literal(true) }),
]);
export type Selection = z.output<typeof selectionSchema>;

const { caseId, examiner, organisation, reason, playbook } = runRequestSchema.shape;

/** The body of `POST /batches`, signed by the API as it is. */
export const batchRequestSchema = z.strictObject({
  cluster: targetSchema.shape.cluster,
  select: selectionSchema,
  playbook,
  caseId,
  examiner,
  organisation,
  reason,
  notify: notifySchema.optional(),
  options: optionsSchema.extend({ priority: optionsSchema.shape.priority.unwrap().default('batch') }).prefault({}),
  /** Says what it would do, and opens no run. */
  dryRun: z.boolean().default(false),
  /** Runs at a time. */
  concurrency: z.strictObject({ total: z.int().min(1).max(256).default(16), perNode: z.int().min(1).max(64).default(2) }).prefault({}),
  /** More pods than this are refused. */
  maxPods: z.int().min(1).max(maxBatchPods).default(500),
});
export type BatchRequest = z.output<typeof batchRequestSchema>;

/**
 * `expanding`: a worker finds the pods. `planned`: a dry run that is done. `failed`: the pods could not be had, or are too many; no run was opened.
 * All but `expanding`, `running`, `paused` and `cancelling` are ends; `retry` makes `completed` and `cancelled` `running` again.
 */
export const batchStates = ['expanding', 'planned', 'running', 'paused', 'cancelling', 'completed', 'cancelled', 'failed'] as const;
export type BatchState = (typeof batchStates)[number];

/**
 * Where a pod of a batch stands. `gone`: it was there when the batch was expanded, and is not any more. `foreign`: who asked may not look at it.
 * The others are the states of its run.
 */
export const batchTargetStates = ['pending', 'running', 'completed', 'failed', 'cancelled', 'gone', 'foreign'] as const;
export type BatchTargetState = (typeof batchTargetStates)[number];

/** A pod as the cluster lists it, when the batch is expanded. */
export const listedPodSchema = z.strictObject({
  namespace: targetSchema.shape.namespace,
  pod: targetSchema.shape.pod,
  uid: z.string().min(1).max(100),
  /** Absent: it is not scheduled. */
  node: z.string().max(253).optional(),
  phase: z.string().max(50),
  owner: ownerSchema.optional(),
  /** Of its containers, as the pod has them. */
  images: z.array(z.string().max(500)).max(200),
  /** Digests of the images that run (`sha256:...`). */
  imageDigests: z.array(z.string().max(500)).max(200),
  /** Of its containers, init and ephemeral ones and previous instances included; without the runtime's prefix. */
  containerIds: z.array(z.string().max(200)).max(600),
});
export type ListedPod = z.output<typeof listedPodSchema>;
