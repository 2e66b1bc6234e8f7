import { z } from 'zod';
import { shortText } from '../../playbooks/domain/short-text.js';
import type { Alert } from '../../playbooks/domain/trigger.js';
import type { AlertmanagerLabels } from '../../playbooks/triggers/config.js';
import {
  alertOf,
  fingerprintOf,
  type Hearing,
  heardOf,
  type Ignored,
  type Intake,
  maybeFields,
  maybeText,
  priorityFrom,
  textOf,
  timeFrom,
} from './intake.js';

const alertSchema = z.object({ status: maybeText, labels: maybeFields, annotations: maybeFields, startsAt: maybeText, fingerprint: maybeText });

/** The body of a webhook of Alertmanager, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config); Grafana sends the same. */
const groupSchema = z.object({ status: maybeText, alerts: z.array(alertSchema), truncatedAlerts: z.int().nonnegative().nullish() });

/** @param labels which labels say what */
export function alertmanagerIntake(labels: AlertmanagerLabels): Intake {
  return (body, hearing) => {
    const { status, alerts, truncatedAlerts } = groupSchema.parse(body);
    const all = alerts.map((alert) => hear({ ...alert, status: alert.status ?? status }, labels, hearing));
    const cut = truncatedAlerts ?? 0;
    return heardOf(cut === 0 ? all : [...all, { reason: `Alertmanager has left out ${cut} alerts of this group: raise max_alerts there` }]);
  };
}

function hear(alert: z.output<typeof alertSchema>, names: AlertmanagerLabels, { cluster, now }: Hearing): Alert | Ignored {
  const { labels, annotations, status, startsAt, fingerprint } = alert;
  const rule = textOf(labels, 'alertname') ?? 'unnamed';
  if (status === 'resolved') return { reason: 'it is resolved', rule: shortText(rule, 500) };
  const card = {
    intake: 'alertmanager',
    // The fingerprint is that of the labels: the same alert a day later has it again.
    fingerprint: fingerprintOf('alertmanager', fingerprint ?? JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1))), startsAt),
    rule,
    priority: priorityFrom(textOf(labels, names.severityLabel), names.severities),
    at: timeFrom(startsAt, now),
    summary: textOf(annotations, 'summary', 'description', 'message'),
  } as const;
  // Of exported_pod and pod, one is the suspect and the other the exporter that tells of it: the namespace must be of the same one.
  const place = names.podLabels.findIndex((name) => textOf(labels, name) !== undefined);
  const beside = (others: readonly string[]): string | undefined =>
    textOf(labels, ...others.filter((_name, at) => at === place), ...others.filter((_name, at) => at > place));
  return alertOf(card, {
    cluster: (names.clusterLabel === undefined ? undefined : textOf(labels, names.clusterLabel)) ?? cluster,
    namespace: beside(names.namespaceLabels),
    pod: textOf(labels, ...names.podLabels),
    container: beside(names.containerLabels),
    uid: textOf(labels, ...names.uidLabels),
    containerId: textOf(labels, 'container_id'),
    node: textOf(labels, 'node'),
  });
}
