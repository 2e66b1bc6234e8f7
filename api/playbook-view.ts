import type { Permission } from '../playbooks/permission.js';
import { type Playbook, permissionsOf } from '../playbooks/playbook.js';
import type { StepQueue } from '../playbooks/step.js';

/** One step of a playbook as the API shows it. */
interface StepView {
  readonly name: string;
  readonly summary: string;
  readonly queue: StepQueue;
  /** As the playbook has them; what is not there has its default. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly permissions: readonly Permission[];
}

/** A playbook as the API shows it. */
export interface PlaybookView {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  /** sha256 of its file. */
  readonly sha256: string;
  readonly steps: readonly StepView[];
  /** What must be allowed for all of its steps to work. */
  readonly permissions: readonly Permission[];
}

/** A loaded playbook without what only workers can use. */
export function playbookView(playbook: Playbook): PlaybookView {
  const { name, title, summary, sha256, steps } = playbook;
  return {
    name,
    title,
    summary,
    sha256,
    steps: steps.map(({ step, params, permissions }) => ({ name: step.name, summary: step.summary, queue: step.queue, params, permissions })),
    permissions: permissionsOf(playbook),
  };
}
