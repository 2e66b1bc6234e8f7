/** What those who wait for a run are told, each once. `acquisition.finished`: the pod may now be killed. */
export const runMilestones = ['acquisition.finished', 'verdict.ready', 'report.written', 'run.amended'] as const;

/** What those who wait for a batch are told: each of its runs has ended. */
export const batchMilestones = ['batch.finished'] as const;

export const milestones = [...runMilestones, ...batchMilestones] as const;
export type Milestone = (typeof milestones)[number];
