import { z } from 'zod';
import { shortText } from '../../playbooks/domain/short-text.js';
import { alertOf, fingerprintOf, heardOf, type Intake, maybeFields, maybeText, priorityFrom, textOf, timeFrom } from './intake.js';

/**
 * An event as Falco prints it with `json_output`, and as Falcosidekick's webhook passes it on with a `uuid` of its own. With
 * `json_include_output_property: false` there is no `output`; fields that an event does not have are null, or `<NA>`.
 */
const eventSchema = z.object({
  rule: z.string().trim().min(1),
  uuid: maybeText,
  output: maybeText,
  priority: maybeText,
  time: maybeText,
  hostname: maybeText,
  output_fields: maybeFields,
});

/**
 * Where fields are found, in this order: those of the syscall source, of the plugin `k8smeta`, of the plugin `k8saudit` for acts on a pod.
 * https://falco.org/docs/reference/rules/supported-fields/
 */
const names = {
  namespace: ['k8s.ns.name', 'k8smeta.ns.name'],
  pod: ['k8s.pod.name', 'k8smeta.pod.name'],
  uid: ['k8s.pod.uid', 'k8smeta.pod.uid', 'k8s.pod.id'],
  container: ['k8s.container.name', 'container.name'],
  containerId: ['container.full_id', 'container.id'],
  node: ['k8s.node.name', 'k8smeta.node.name', 'evt.hostname'],
} as const;

/** @param clusterField the field of `output_fields` that names the cluster */
export function falcoIntake({ clusterField }: { readonly clusterField?: string | undefined } = {}): Intake {
  return (body, { cluster, now }) => {
    const { rule, uuid, output, priority, time, hostname, output_fields: fields } = eventSchema.parse(body);
    const card = {
      intake: 'falco',
      fingerprint: fingerprintOf('falco', uuid ?? JSON.stringify(body)),
      rule,
      priority: priorityFrom(priority),
      at: timeFrom(time, now),
      summary: output,
    } as const;
    if (textOf(fields, 'container.id') === 'host')
      return { alerts: [], ignored: [{ reason: 'an event of the host, not of a container', rule: shortText(rule, 500) }] };
    const isAudit = textOf(fields, 'ka.target.resource') === 'pods';
    const suspect = alertOf(card, {
      cluster: (clusterField === undefined ? undefined : textOf(fields, clusterField)) ?? cluster,
      namespace: textOf(fields, ...names.namespace, ...(isAudit ? ['ka.target.namespace'] : [])),
      pod: textOf(fields, ...names.pod, ...(isAudit ? ['ka.target.pod.name', 'ka.target.name'] : [])),
      container: textOf(fields, ...names.container),
      uid: textOf(fields, ...names.uid),
      containerId: textOf(fields, ...names.containerId),
      node: textOf(fields, ...names.node) ?? hostname,
    });
    return heardOf([suspect]);
  };
}
