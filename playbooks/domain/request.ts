import { z } from 'zod';
import { notifySchema } from './config-name.js';

/** Kubernetes object names: RFC 1123 subdomain, at most 253 characters (Kubernetes, "Object Names and IDs"). */
const subdomain = z
  .string()
  .min(1)
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be a DNS-1123 subdomain: lower case letters, digits, "-" and "."',
  );

/** Namespaces and container names: RFC 1123 label, at most 63 characters. */
const label = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS-1123 label: lower case letters, digits and "-"');

/** The pod under suspicion, as asked for. */
export const targetSchema = z.strictObject({
  cluster: label.default('default'),
  namespace: label,
  pod: subdomain,
  container: label.optional(),
});

/** BullMQ priorities: the lower number goes first; 0 would go before all and is never used. */
export const priorities = { interactive: 10, webhook: 20, batch: 30 } as const;

const MiB = 1024 * 1024;

/** What a run may take. Everything left out because of these is listed as a limit in the report. */
export const limitsSchema = z.strictObject({
  fileBytes: z
    .int()
    .positive()
    .max(16 * 1024 * MiB)
    .default(64 * MiB),
  files: z.int().positive().max(100_000).default(5_000),
  totalBytes: z
    .int()
    .positive()
    .max(256 * 1024 * MiB)
    .default(2 * 1024 * MiB),
  changes: z.int().positive().max(1_000_000).default(100_000),
});
export type Limits = z.output<typeof limitsSchema>;

/**
 * What is moved: nothing (`hashes`: the node hashes every candidate), what could be of use to an intruder (`selected`: executables, scripts,
 * configuration, and whatever cannot be told), or `all`. What is not moved has its hash in the report all the same.
 */
export const acquireModes = ['hashes', 'selected', 'all'] as const;

/** Whether content that no source knows may be given to the source: `private` keeps it from others there. The installation must allow it, too. */
export const uploadModes = ['never', 'private', 'public'] as const;

/** What a run may ask an intelligence source. */
export const lookupOptionsSchema = z.strictObject({
  /** Hashes that may cost a request, best first; what lists, packages and earlier answers know costs none. */
  budget: z.int().min(0).max(10_000).default(50),
  /** How long the run waits for answers before it is judged without them. Default: 10 minutes interactive, else 60. */
  deadlineSeconds: z.int().min(0).max(86_400).optional(),
  upload: z.enum(uploadModes).default('never'),
});

export const optionsSchema = z.strictObject({
  priority: z.enum(['interactive', 'webhook', 'batch']).default('interactive'),
  limits: limitsSchema.prefault({}),
  acquire: z.enum(acquireModes).default('selected'),
  lookups: lookupOptionsSchema.prefault({}),
  /** Days that the evidence is kept once the run has ended. Default: what the installation says. */
  retentionDays: z.int().min(1).max(3_650).optional(),
});

/** The body of `POST /runs`: custody entry 0 of the run, from which alone workers take target and parameters. */
export const runRequestSchema = z.strictObject({
  target: targetSchema,
  playbook: z.string().min(1).max(100).default('a-f-02'),
  caseId: z.string().max(200).optional(),
  /** Who examines, and for whom: said by the caller, for report and bag. Who has asked is told by the credential. */
  examiner: z.string().max(200).optional(),
  organisation: z.string().max(200).optional(),
  reason: z.string().max(2_000).optional(),
  /** Endpoints of the installation that are told what becomes of the run. */
  notify: notifySchema.optional(),
  options: optionsSchema.prefault({}),
});
export type RunRequest = z.output<typeof runRequestSchema>;
