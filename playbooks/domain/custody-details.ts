import { z } from 'zod';
import { reachSchema, scopes } from './access.js';
import { amendmentSchema, reportFilesSchema } from './amendment.js';
import { artifactSchema, sha256Schema } from './artifact.js';
import { configNameSchema } from './config-name.js';
import { milestones } from './delivery.js';
import { errorCodes } from './error.js';
import { lookupSchema } from './lookup.js';
import { originSchema } from './origin.js';
import { runRequestSchema, uploadModes } from './request.js';
import { stepRecordSchema } from './run.js';
import { triggerSchema } from './trigger.js';

const count = z.int().nonnegative();
const error = z.enum(errorCodes);
/** In ms. */
const durationMs = count;
/** sha256 of the text that Redis holds of it, byte for byte: who changes that text is found out. */
const record = sha256Schema;

/** Joins an intent with its outcome; step names who did it. */
const call = { call: z.uuid(), step: z.string() };

const stepOutcome = z.strictObject({
  attempt: count,
  record,
  /** Why it was skipped. */
  reason: stepRecordSchema.shape.reason,
  /** Why it failed. */
  error: error.optional(),
  /** Names of what it put on the board. */
  facts: z.array(z.string()),
  /** Numbers of what could not be had, and of what policy left out. */
  gaps: count,
  limits: count,
});

const { kind, size, method, unstable } = artifactSchema.shape;
const artifact = z.strictObject({ kind, sha256: sha256Schema, size, method, record, unstable });

const upload = { mode: z.enum(uploadModes).exclude(['never']), size };

/** A chain up to an entry: its number and its hash. */
const stand = { seq: count, hash: sha256Schema };

/** The same of a run, as the register holds it: `head` is the hash of entry `seq`. */
const { seq, hash: head } = stand;
const run = z.string();

/** What was sent: which milestone, to which endpoint, and the sha256 of the body. */
const delivered = { endpoint: configNameSchema, milestone: z.enum(milestones), delivery: z.string(), sha256: sha256Schema.optional() };

/** An API key, and nothing of its secret. */
const key = { name: z.string(), scopes: z.array(z.enum(scopes)).readonly(), reach: reachSchema };

/** Names of the pod, as the cluster knows it. */
const pod = { cluster: z.string(), namespace: z.string().optional(), pod: z.string().optional() };

/**
 * What each act says in its `detail`: ids, digests and counts. Whoever writes an act holds to it; who reads a chain does not ask, as older
 * entries say less.
 */
export const custodyDetails = {
  'run.requested': z.strictObject({
    /** Target, options and who examines: workers take them from here alone. */
    request: runRequestSchema,
    /** The playbook as it was when the run was asked for; `sha256` of its file. */
    playbook: z.strictObject({ name: z.string(), title: z.string(), sha256: sha256Schema }),
    createdAt: z.iso.datetime(),
    /** The alert, the batch or the earlier run that it goes back to. */
    origin: originSchema.optional(),
  }),
  /** Another alert about the pod of a run that there is already: recorded at the first one of each rule, the others are counted. */
  'run.triggered': z.strictObject({ trigger: triggerSchema }),
  'run.cancel-requested': z.strictObject({}),
  'step.started': z.strictObject({ attempt: count }),
  'step.finished': stepOutcome,
  'step.failed': stepOutcome,
  'step.skipped': stepOutcome,
  'command.started': z.strictObject({
    ...call,
    /** Ours, not the program's. */
    name: z.string(),
    /** Where: a node, or else a container of a pod. */
    node: z.string().optional(),
    cluster: z.string().optional(),
    namespace: z.string().optional(),
    pod: z.string().optional(),
    container: z.string().optional(),
    /** Safe to print, each argument cut after 2,000 characters. */
    argv: z.array(z.string()),
    privileged: z.boolean(),
    /** What was written to the command. */
    stdin: z.strictObject({ sha256: sha256Schema, bytes: count }).optional(),
  }),
  'command.finished': z.strictObject({
    ...call,
    name: z.string(),
    /** Null: it was ended by a signal or with the connection. */
    exitCode: z.int().nullable().optional(),
    /** Why nobody knows how it ended, or why it was ended. */
    error: error.optional(),
    /** `sha256` of the first 16 KiB, made safe to print; `first` are 500 characters of it. */
    stderr: z.strictObject({ sha256: sha256Schema, first: z.string() }).optional(),
    stdoutBytes: count.optional(),
    durationMs: durationMs.optional(),
  }),
  'cluster.request': z.strictObject({
    ...call,
    method: z.enum(['get-pod', 'get-node', 'list-events']),
    ...pod,
    uid: z.string().optional(),
    node: z.string().optional(),
  }),
  'cluster.answered': z.strictObject({
    ...call,
    ok: z.boolean(),
    error: error.optional(),
    /** Of the pod that was found. */
    uid: z.string().optional(),
    durationMs,
  }),
  'artifact.stored': artifact,
  'artifact.known': artifact,
  'artifact.left': artifact,
  'artifact.discarded': z.strictObject({ reason: z.literal('path-race') }),
  'artifact.upload-consented': z.strictObject({
    ...upload,
    requestedBy: z.string(),
    source: z.string(),
    /** What the installation allows; sizes in bytes. */
    policy: z.strictObject({ upload: z.enum(uploadModes), maxBytes: count }),
    /** Id of the source's key. */
    key: z.string(),
  }),
  'artifact.uploaded': z.strictObject({
    ...upload,
    /** The source's number of it. */
    analysis: z.string(),
    /** The run that sent it. */
    sentBy: z.string(),
    sentAt: z.iso.datetime(),
  }),
  'artifact.upload-failed': z.strictObject({ ...upload, error, arrived: z.enum(['no', 'unknown']) }),
  'lookup.answered': z.strictObject({
    source: z.string(),
    status: lookupSchema.shape.status,
    /** True when no request was spent. */
    cached: z.boolean(),
    record,
    /** sha256 of the whole answer in the evidence store. */
    answer: lookupSchema.shape.answer,
  }),
  'node.tools': z.strictObject({
    /** Versions of the node's tools, by name. */
    tools: z.record(z.string(), z.string()).optional(),
    /** How trees of files were read there. */
    reading: z.enum(['nosymfollow', 'two-walks']).optional(),
  }),
  'report.written': z.strictObject({ ...reportFilesSchema.shape, version: z.int().positive() }),
  'run.amended': z.strictObject({ ...amendmentSchema.shape, record }),
  'run.checkpoint': z.strictObject({
    ...stand,
    /** The signature over them: compact JWS. */
    jws: z.string(),
  }),
  'result.delivered': z.strictObject({
    ...delivered,
    /** The status of the answer, where the endpoint speaks HTTP. */
    status: z.int().optional(),
  }),
  'result.undeliverable': z.strictObject({ ...delivered, error, attempts: count }),
  'evidence.read': z.strictObject({
    what: z.enum(['artifact', 'bag', 'listing', 'report', 'summary']),
    /** Of the bytes, where they are one file of the evidence store. */
    sha256: sha256Schema.optional(),
    /** How they were given, such as `html` or `zip`. */
    format: z.string().optional(),
  }),
  'evidence.held': z.strictObject({ reason: z.string() }),
  'evidence.released': z.strictObject({ reason: z.string() }),
  'evidence.destroyed': z.strictObject({
    reason: z.string(),
    /** In a run's own chain: how many contents it let go of, and their size in bytes. */
    artifacts: count.optional(),
    bytes: count.optional(),
    /** In the register: whose, and how far its chain went then. */
    run: run.optional(),
    seq: seq.optional(),
    head: head.optional(),
  }),
  'run.opened': z.strictObject({ run, head }),
  'run.reported': z.strictObject({ run, seq, head }),
  'key.made': z.strictObject({ ...key, expiresAt: z.iso.datetime().optional() }),
  'key.rotated': z.strictObject({ ...key, oldUntil: z.iso.datetime(), expiresAt: z.iso.datetime().optional() }),
  /** Empty for a key whose record nobody could believe. */
  'key.revoked': z.strictObject(key).partial(),
};

/** What a writer says in the `detail` of an act. */
export type DetailOf<A extends keyof typeof custodyDetails> = z.input<(typeof custodyDetails)[A]>;
