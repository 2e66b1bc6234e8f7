import { type RunRequest, runRequestSchema } from '../domain/request.js';
import { cutText } from '../domain/short-text.js';
import { type Alert, type AlertPriority, alertPriorities, type Trigger } from '../domain/trigger.js';
import type { TriggerRule } from './config.js';
import { fitsGlob } from './text-glob.js';

/** An alert about a pod that is known by name. */
export type PodAlert = Alert & { readonly suspect: Extract<Alert['suspect'], { target: object }> };

/** Whether it is known which pod an alert is about. */
export function isPodAlert(alert: Alert): alert is PodAlert {
  return 'target' in alert.suspect;
}

/** The first rule that fits an alert about a pod. */
export function ruleFor(rules: readonly TriggerRule[], alert: PodAlert): TriggerRule | undefined {
  const { namespace } = alert.suspect.target;
  return rules.find((rule) => fitsSource(rule, alert) && (rule.namespaces?.some((glob) => fitsGlob(glob, namespace)) ?? true));
}

/** Whether some rule could fit, once the pod of the alert's container is known. */
export function mayFit(rules: readonly TriggerRule[], alert: Alert): boolean {
  return rules.some((rule) => fitsSource(rule, alert));
}

function fitsSource({ enabled, intakes, alertRules, minPriority, clusters }: TriggerRule, { intake, rule, priority, suspect }: Alert): boolean {
  const { cluster } = 'target' in suspect ? suspect.target : suspect.containerId;
  return (
    enabled &&
    (intakes?.includes(intake) ?? true) &&
    (alertRules?.some((glob) => fitsGlob(glob, rule)) ?? true) &&
    (minPriority === undefined || isAtLeast(priority, minPriority)) &&
    (clusters?.includes(cluster) ?? true)
  );
}

function isAtLeast(priority: AlertPriority, least: AlertPriority): boolean {
  return alertPriorities.indexOf(priority) <= alertPriorities.indexOf(least);
}

/** What custody says of an alert. */
export function triggerOf({ intake, fingerprint, rule, priority, at, summary }: Alert, startedBy: string): Trigger {
  return { intake, fingerprint, rule, priority, at, ...(summary === undefined ? {} : { summary }), startedBy };
}

/**
 * The run that a rule asks for. It is about the whole pod, whatever container the alert names: what comes in through one can sit in another,
 * and alerts about the others are attached to this run.
 */
export function requestOf({ playbook, options, notify, name }: TriggerRule, { suspect, rule, intake }: PodAlert): RunRequest {
  const { cluster, namespace, pod } = suspect.target;
  const reason = cutText(`alert "${rule}" by ${intake}, rule "${name}"`, 2_000);
  return runRequestSchema.parse({ target: { cluster, namespace, pod }, playbook, options, reason, ...(notify === undefined ? {} : { notify }) });
}
