import { displayText } from '../../playbooks/domain/path-name.js';
import type { Run, StepStatus } from '../api-types.js';
import { clockText, untilText } from './time-text.js';

/** Said once, when all that the run wants of the pod has been taken. */
export const securedText = 'evidence is secured: the pod may now be stopped';

/** One step in words, without colour. `now` in milliseconds. */
export function stepText(step: StepStatus, now: number): string {
  const time = elapsed(step, now);
  const parts = [stateText(step), time, step.attempt > 1 ? `attempt ${step.attempt}` : '', reasonText(step)];
  return parts.filter((part) => part !== '').join(', ');
}

function stateText({ state, error }: StepStatus): string {
  return error === undefined ? state : `${state} (${displayText(error.code)})`;
}

function reasonText({ error, reason, detail }: StepStatus): string {
  return [error?.message, reason, detail].flatMap((text) => (text === undefined ? [] : [displayText(text)])).join(': ');
}

function elapsed({ startedAt, finishedAt, state }: StepStatus, now: number): string {
  if (startedAt === undefined || (finishedAt === undefined && state !== 'running')) return '';
  const end = finishedAt === undefined ? now : Date.parse(finishedAt);
  return duration(end - Date.parse(startedAt));
}

/** Milliseconds for people. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** Why a run stands still and for how long yet, or undefined when it does not. `now` in milliseconds. */
export function waitText({ waitingFor }: Pick<Run, 'waitingFor'>, now: number): string | undefined {
  if (waitingFor === undefined) return undefined;
  const what = { quota: 'quota', 'node-slot': 'a free slot on the node', retry: 'another try' }[waitingFor.for];
  const left = waitingFor.eta === undefined ? '' : `, ${untilText(waitingFor.eta, now)} left`;
  return `waits for ${what} since ${clockText(waitingFor.since, now)}${left}`;
}
