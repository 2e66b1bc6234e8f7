import { z } from 'zod';
import { sha256Schema } from './artifact.js';
import { configNameSchema } from './config-name.js';
import { targetSchema } from './request.js';

/** The kinds of intakes: where alerts come from. */
export const intakeKinds = ['falco', 'alertmanager', 'slack', 'generic'] as const;
export type IntakeKind = (typeof intakeKinds)[number];

/** How urgent an alert is, in Falco's words (https://falco.org/docs/concepts/rules/basic-elements/#priority); others are mapped to them. Most urgent first. */
export const alertPriorities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'] as const;
export type AlertPriority = (typeof alertPriorities)[number];

/** A container whose pod the source does not name. A worker finds it. `id` may be shortened, as Falco does (12 hex digits). */
export const containerRefSchema = z.strictObject({
  cluster: targetSchema.shape.cluster,
  id: z.string().regex(/^[0-9a-f]{12,64}$/),
  /** Name of the node or of the host that reported it. */
  node: z.string().min(1).max(253).optional(),
});
export type ContainerRef = z.output<typeof containerRefSchema>;

/** An alert as an intake understands it: nothing of the foreign shape is left. All texts come from elsewhere and are made safe to print where they are shown. */
export const alertSchema = z.strictObject({
  intake: z.enum(intakeKinds),
  /** The same alert told again has the same one. */
  fingerprint: sha256Schema,
  /** Name of the detection rule. */
  rule: z.string().min(1).max(500),
  priority: z.enum(alertPriorities),
  at: z.iso.datetime(),
  /** A sentence for people. */
  summary: z.string().max(2_000).optional(),
  suspect: z.union([
    z.strictObject({ target: targetSchema, uid: z.string().max(100).optional() }),
    z.strictObject({ containerId: containerRefSchema }),
  ]),
});
export type Alert = z.output<typeof alertSchema>;

/** What has asked for a run beside a caller: as the signed request keeps it. */
export const triggerSchema = alertSchema.omit({ suspect: true }).extend({
  /** The rule of the configuration that started it. */
  startedBy: configNameSchema,
});
export type Trigger = z.output<typeof triggerSchema>;
