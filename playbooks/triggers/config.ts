import { z } from 'zod';
import { reachSchema } from '../domain/access.js';
import { configNameSchema, notifySchema } from '../domain/config-name.js';
import { TriageError } from '../domain/error.js';
import { optionsSchema, runRequestSchema, targetSchema } from '../domain/request.js';
import { alertPriorities, intakeKinds } from '../domain/trigger.js';
import { plainYaml } from '../yaml.js';
import { slackSchema } from './slack-config.js';

const cluster = targetSchema.shape.cluster.unwrap();
const glob = z.string().min(1).max(200);
const globs = z.array(glob).min(1).max(200);
const labels = z.array(z.string().min(1).max(200)).min(1).max(20);
/** Another tool's word for urgency -> ours. */
const prioritiesSchema = z.record(z.string().min(1).max(100), z.enum(alertPriorities));

/** JSON Pointer (RFC 6901). */
const pointer = z
  .string()
  .max(500)
  .regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON Pointer such as /data/pod');

const ruleSchema = z.strictObject({
  name: configNameSchema,
  enabled: z.boolean().default(true),
  /** Where the alert comes from. Absent: from anywhere. */
  intakes: z.array(z.enum(intakeKinds)).min(1).optional(),
  /** Names of detection rules; `*` and `?` as in a shell. Absent: any. */
  alertRules: globs.optional(),
  /** The least urgent that fits. */
  minPriority: z.enum(alertPriorities).optional(),
  namespaces: globs.optional(),
  clusters: z.array(cluster).min(1).optional(),
  playbook: runRequestSchema.shape.playbook,
  options: optionsSchema.extend({ priority: optionsSchema.shape.priority.unwrap().default('webhook') }).prefault({}),
  notify: notifySchema.optional(),
  /** Minutes after a run of a pod was opened in which no other one is opened for it. */
  cooldownMinutes: z
    .int()
    .min(0)
    .max(7 * 1_440)
    .default(60),
  /** Runs of one namespace that alerts may open within 60 minutes. */
  maxRunsPerNamespacePerHour: z.int().min(0).max(1_000).default(20),
});
export type TriggerRule = z.output<typeof ruleSchema>;

const falcoSchema = z.strictObject({
  /** A field of `output_fields` that names the cluster, as Falcosidekick's `customfields` can add it. */
  clusterField: z.string().min(1).max(200).optional(),
});

const alertmanagerSchema = z.strictObject({
  /** Labels that can name the pod; the first that an alert has counts, and with it the label at the same place of the others. */
  podLabels: labels.default(['exported_pod', 'pod']),
  namespaceLabels: labels.default(['exported_namespace', 'namespace']),
  containerLabels: labels.default(['exported_container', 'container']),
  uidLabels: labels.default(['uid']),
  clusterLabel: z.string().min(1).max(200).optional(),
  severityLabel: z.string().min(1).max(200).default('severity'),
  severities: prioritiesSchema.default({}),
});
export type AlertmanagerLabels = z.output<typeof alertmanagerSchema>;

const genericSchema = z.strictObject({
  name: configNameSchema,
  /** File with its secrets, one `whsec_...` a line: while one is replaced, both count. */
  secretFile: z.string().min(1).max(4_096),
  /** The cluster that its alerts are about. */
  cluster: cluster.optional(),
  /** The pods that its alerts may have looked at. */
  reach: reachSchema,
  /** Where in the body is what. Needed are `namespace` and `pod`, or `containerId`. */
  fields: z
    .strictObject({
      rule: pointer.optional(),
      priority: pointer.optional(),
      namespace: pointer.optional(),
      pod: pointer.optional(),
      container: pointer.optional(),
      uid: pointer.optional(),
      containerId: pointer.optional(),
      at: pointer.optional(),
      summary: pointer.optional(),
    })
    .refine((fields) => (fields.namespace !== undefined && fields.pod !== undefined) || fields.containerId !== undefined, {
      error: 'must have namespace and pod, or containerId',
    }),
  priorities: prioritiesSchema.default({}),
});
export type GenericSource = z.output<typeof genericSchema>;

const intakesSchema = z
  .strictObject({
    /** The cluster of alerts that name none. Absent: the one that the installation serves. */
    cluster: cluster.optional(),
    rules: z.array(ruleSchema).max(500).default([]),
    falco: falcoSchema.prefault({}),
    alertmanager: alertmanagerSchema.prefault({}),
    generic: z.array(genericSchema).max(50).default([]),
    /** Absent: commands in Slack are not taken. */
    slack: slackSchema.optional(),
  })
  .superRefine(({ rules, generic, slack }, context) => {
    if (rules.length === 0 && slack === undefined) context.addIssue({ code: 'custom', path: ['rules'], message: 'must have a rule' });
    for (const [path, list] of Object.entries({ rules, generic }))
      for (const [at, { name }] of list.entries())
        if (list.findIndex((other) => other.name === name) < at)
          context.addIssue({ code: 'custom', path: [path, at, 'name'], message: `there is another one named "${name}"` });
  });
/** The file of PODTRIAGE_INTAKES: which alerts start what, and how alerts are read. */
export type Intakes = z.output<typeof intakesSchema>;

/**
 * Parses the YAML of PODTRIAGE_INTAKES.
 * @param file its name, for messages
 * @throws TriageError `config-invalid` that names file, rule and field
 */
export function parseIntakes(file: string, text: string): Intakes {
  const plain = plainYaml(text, (problem, cause) => invalid(file, problem, cause));
  const parsed = intakesSchema.safeParse(plain);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${placeOf(path, plain)}: ${message}`);
  throw invalid(file, problems.join('; '));
}

/** `rules[2] "shell" cooldownMinutes`: people look for the name, not for the number. */
function placeOf(path: readonly PropertyKey[], plain: unknown): string {
  const words: string[] = [];
  let at: unknown = plain;
  for (const key of path) {
    at = isObject(at) ? at[key] : undefined;
    const place = typeof key === 'number' ? `${words.pop() ?? ''}[${key}]` : String(key);
    const name = typeof key === 'number' && isObject(at) ? at['name'] : undefined;
    words.push(typeof name === 'string' ? `${place} ${JSON.stringify(name.slice(0, 63))}` : place);
  }
  return words.length === 0 ? 'the file' : words.join(' ');
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}

function invalid(file: string, message: string, cause?: unknown): TriageError {
  return new TriageError('config-invalid', `PODTRIAGE_INTAKES: ${file}: ${message}`, { cause });
}
