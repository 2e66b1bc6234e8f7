import { LineCounter, parseDocument } from 'yaml';
import type { TriageError } from './domain/error.js';

/**
 * What a YAML text says, as plain data. A key stands once, and nothing is an alias: a small text is not to become a large one.
 * @param invalid makes the error from what is wrong, which names the line and quotes nothing of the text around
 * @throws what `invalid` makes
 */
export function plainYaml(text: string, invalid: (problem: string, cause?: unknown) => TriageError): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: false, lineCounter });
  const [problem] = document.errors;
  if (problem !== undefined) throw invalid(`line ${lineCounter.linePos(problem.pos[0]).line}: ${problem.message}`, problem);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid('aliases are not allowed', cause);
  }
}
