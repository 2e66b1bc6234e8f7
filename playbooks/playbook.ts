import { z } from 'zod';
import { sha256Hex } from './domain/custody.js';
import { TriageError } from './domain/error.js';
import type { FactName } from './facts.js';
import { type Permission, unionOf } from './permission.js';
import type { BoundStep, Step } from './step.js';
import { plainYaml } from './yaml.js';

const playbookSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"'),
  title: z.string().min(1),
  summary: z.string().min(1),
  steps: z
    .array(z.strictObject({ step: z.string(), params: z.record(z.string(), z.unknown()).default({}) }))
    .min(1)
    .max(50),
});

/** One step of a loaded playbook, its parameters parsed. */
export interface PlaybookStep {
  readonly step: Step;
  readonly run: BoundStep;
  /** As the file has them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** What the step needs with these parameters. */
  readonly permissions: readonly Permission[];
}

/** An ordered list of steps, checked: every step exists, its parameters parse, its needs are written before it. */
export interface Playbook {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  /** sha256 of the file; a run pins it. */
  readonly sha256: string;
  readonly steps: readonly PlaybookStep[];
}

/**
 * Parses and checks one playbook file.
 * @param file its name, for messages
 * @throws TriageError `playbook-invalid` that names file, step and field
 */
export function parsePlaybook(file: string, text: string, catalog: readonly Step[]): Playbook {
  const parsed = playbookSchema.safeParse(plainYaml(text, (problem, cause) => invalid(file, problem, cause)));
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error));
  const { steps, ...card } = parsed.data;
  const written = new Set<FactName>();
  const bound = steps.map(({ step: name, params }, index) => {
    const step = catalog.find((candidate) => candidate.name === name);
    if (step === undefined)
      throw invalid(file, `steps[${index}].step: there is no step "${name}"; known: ${catalog.map((known) => known.name).join(', ')}`);
    checkOrder(file, step, steps.slice(0, index), written, index === steps.length - 1);
    return { step, run: bindStep(file, step, params), params, permissions: unionOf(step.permissions(params)) };
  });
  return { ...card, sha256: sha256Hex(text), steps: bound };
}

/** What must be allowed for all of a playbook's steps to work. */
export function permissionsOf({ steps }: Pick<Playbook, 'steps'>): Permission[] {
  return unionOf(steps.flatMap(({ permissions }) => permissions));
}

function checkOrder(file: string, step: Step, before: readonly { step: string }[], written: Set<FactName>, last: boolean): void {
  if (before.some((earlier) => earlier.step === step.name)) throw invalid(file, `step ${step.name}: stands in the list twice`);
  const missing = step.needs.find((need) => !written.has(need));
  if (missing !== undefined) throw invalid(file, `step ${step.name}: needs "${missing}", which no earlier step writes`);
  if (last && step.closes !== true) throw invalid(file, `step ${step.name}: the last step must be one that closes the run, such as write-report`);
  if (!last && step.closes === true) throw invalid(file, `step ${step.name}: closes the run and must be the last step`);
  for (const fact of step.writes) written.add(fact);
}

function bindStep(file: string, step: Step, params: unknown): BoundStep {
  try {
    return step.bind(params);
  } catch (cause) {
    if (cause instanceof z.ZodError) throw invalid(file, `step ${step.name}, params: ${z.prettifyError(cause)}`, cause);
    throw cause;
  }
}

function invalid(file: string, message: string, cause?: unknown): TriageError {
  return new TriageError('playbook-invalid', `${file}: ${message}`, { cause });
}
