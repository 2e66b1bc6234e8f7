import type { Step } from './step.js';

/** Every step that a playbook may name. */
export const catalog: readonly Step[] = [];
