import { parseDocument } from 'yaml';
import { z } from 'zod';
import { TriageError } from './domain/error.js';
import { findingSchema } from './domain/verdict.js';
import { clauseSchema, compileClause } from './judgement/clause.js';
import { sampleSchema, sampleSubject } from './judgement/sample.js';
import type { Subject } from './judgement/subject.js';

const ruleSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"'),
  title: z.string().min(1).max(100),
  /** How a sentence names what was found: "a possible web shell". */
  phrase: z.string().min(1).max(60),
  summary: z.string().min(1).max(1_000),
  level: findingSchema.shape.level,
  weight: findingSchema.shape.weight,
  techniques: z.array(z.string().regex(/^T\d{4}(\.\d{3})?$/, 'must be an ATT&CK technique such as T1505.003')),
  /** The rule fires when one of these fits. */
  match: z.array(clauseSchema).min(1),
  examples: z.array(sampleSchema).min(1),
  counterExamples: z.array(sampleSchema).min(1),
});

type RuleFile = z.output<typeof ruleSchema>;

/** A rule over changed paths, their bytes and what is known of their hashes; one behaviour, one YAML file under rules/. */
export interface Rule extends Pick<RuleFile, 'name' | 'title' | 'phrase' | 'summary' | 'level' | 'weight' | 'techniques'> {
  /** Says whether the rule fires for a subject. */
  fires(this: void, subject: Subject): boolean;
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
  const document = parseDocument(text, { uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw invalid(file, problem.message);
  const parsed = ruleSchema.safeParse(toPlain(file, document));
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error));
  const { match, examples, counterExamples, ...card } = parsed.data;
  if (file.replace(/^.*\//, '') !== `${card.name}.yaml`) throw invalid(file, `name: is "${card.name}", so the file must be called ${card.name}.yaml`);
  const tests = match.map(compileClause);
  return {
    ...card,
    fires: (subject) => tests.some((test) => test(subject)),
    examples: examples.map(sampleSubject),
    counterExamples: counterExamples.map(sampleSubject),
  };
}

function toPlain(file: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid(file, 'aliases are not allowed', cause);
  }
}

function invalid(file: string, message: string, cause?: unknown): TriageError {
  return new TriageError('playbook-invalid', `${file}: ${message}`, { cause });
}
