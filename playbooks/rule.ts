import { z } from 'zod';
import { TriageError } from './domain/error.js';
import { findingSchema } from './domain/verdict.js';
import { clauseSchema } from './judgement/clause.js';
import { compileClause } from './judgement/compile-clause.js';
import { sampleSchema, sampleSubject } from './judgement/sample.js';
import { isKnownGood, type Subject } from './judgement/subject.js';
import { plainYaml } from './yaml.js';

const ruleSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"'),
  title: z.string().min(1).max(100),
  /** How a sentence names what was found: "a possible web shell". */
  phrase: z.string().min(1).max(60),
  summary: z.string().min(1).max(1_000),
  level: findingSchema.shape.level,
  weight: findingSchema.shape.weight,
  techniques: z.array(z.string().regex(/^T\d{4}(\.\d{3})?$/, 'must be an ATT&CK technique such as T1505.003')),
  /**
   * What makes a finding of the rule no more than a notice: bytes that a list or the image's own packages know (`known-good`), or bytes that the
   * container's package database knows (`as-upgraded`: an upgrade writes there, and so can anybody). Empty where it is not the bytes that matter.
   */
  noticeIf: z.array(z.enum(['known-good', 'as-upgraded'])).default(['known-good']),
  /** The rule fires when one of these fits. */
  match: z.array(clauseSchema).min(1),
  examples: z.array(sampleSchema).min(1),
  counterExamples: z.array(sampleSchema).min(1),
});

type RuleFile = z.output<typeof ruleSchema>;

/** Level and weight of a finding. */
export type Grade = Pick<RuleFile, 'level' | 'weight'>;

/** The most that a finding weighs that is no more than a notice, whatever its rule. */
const noticeWeight = 40;

/** A rule over changed paths, their bytes and what is known of their hashes; one behaviour, one YAML file under rules/. */
export interface Rule extends Pick<RuleFile, 'name' | 'title' | 'phrase' | 'summary' | 'level' | 'weight' | 'techniques'> {
  /** Says whether the rule fires for a subject. */
  fires(this: void, subject: Subject): boolean;
  /** How bad a subject is that it fires for, and how early to look at it: never more than what the rule says. */
  gradeOf(this: void, subject: Subject): Grade;
  /** Subjects that it must and must not fire for. */
  readonly examples: readonly Subject[];
  readonly counterExamples: readonly Subject[];
}

/**
 * Parses and checks one rule file.
 * @param file its name, for messages; without folder and `.yaml` it must be the rule's name
 * @throws TriageError `playbook-invalid` that names file and field
 */
export function parseRule(file: string, text: string): Rule {
  const parsed = ruleSchema.safeParse(plainYaml(text, (problem, cause) => invalid(file, problem, cause)));
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error));
  const { match, examples, counterExamples, noticeIf, ...card } = parsed.data;
  if (file.replace(/^.*\//, '') !== `${card.name}.yaml`) throw invalid(file, `name: is "${card.name}", so the file must be called ${card.name}.yaml`);
  const tests = match.map(compileClause);
  return {
    ...card,
    fires: (subject) => tests.some((test) => test(subject)),
    gradeOf: (subject) => (isOnlyNotice(subject, noticeIf) ? lowered(card) : { level: card.level, weight: card.weight }),
    examples: examples.map(sampleSubject),
    counterExamples: counterExamples.map(sampleSubject),
  };
}

function lowered({ level, weight }: Grade): Grade {
  return level === 'malicious' ? { level, weight } : { level: 'notice', weight: Math.min(weight, noticeWeight) };
}

/** Nobody knows who wrote what lies in a directory of the node or in a volume that outlives the pod: there, a rule is no more than a hint. */
function isOnlyNotice(subject: Subject, noticeIf: RuleFile['noticeIf']): boolean {
  if (subject.change?.listedOnly === true) return true;
  return noticeIf.some((state) => (state === 'known-good' ? isKnownGood(subject) : subject.packageState === state));
}

function invalid(file: string, message: string, cause?: unknown): TriageError {
  return new TriageError('playbook-invalid', `${file}: ${message}`, { cause });
}
