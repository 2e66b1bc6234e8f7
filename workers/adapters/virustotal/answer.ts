import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { shortText } from '../../../playbooks/domain/short-text.js';
import { type AnalysisStats, errorObjectSchema, type FileAttributes, fileObjectSchema } from './file-object.js';
import type { HttpAnswer } from './request.js';

/** Name of the source in lookups. */
export const virusTotalSource = 'virustotal';

/** The question that an answer must fit. */
export interface Question {
  readonly sha256: string;
  readonly askedAt: string;
  /** So many engines that say "malicious" make a file `detected`. */
  readonly detectedFrom: number;
}

type Answered = Omit<Lookup, 'answer' | 'cached'>;

/**
 * Reads an HTTP answer as a lookup.
 * @throws TriageError `intel-unauthorized`, `intel-quota`, `intel-unavailable`, `intel-invalid-answer`
 */
export function readAnswer(question: Question, answer: HttpAnswer): Answered {
  if (answer.status === 200) return readFile(question, answer.body);
  const code = errorCode(answer.body);
  if (answer.status === 404 && code === 'NotFoundError') return unknown(question, 'VirusTotal has never seen this file');
  throw refusal(question.sha256, answer.status, code);
}

function readFile(question: Question, body: Uint8Array): Answered {
  const parsed = fileObjectSchema.safeParse(jsonOf(body));
  if (!parsed.success) throw invalid(question.sha256, `has an unexpected shape: ${shortText(z.prettifyError(parsed.error), 300)}`);
  const { id, attributes } = parsed.data.data;
  const named = [id, attributes.sha256 ?? id];
  if (named.some((name) => name.toLowerCase() !== question.sha256)) throw invalid(question.sha256, 'is about another file');
  return judgeFile(question, attributes);
}

function judgeFile(question: Question, attributes: FileAttributes): Answered {
  const stats = attributes.last_analysis_stats;
  if (stats === undefined) return unknown(question, 'VirusTotal knows the file but has not analysed it', attributes);
  const { malicious, suspicious, undetected, harmless } = stats;
  if (malicious + suspicious + undetected + harmless === 0) return unknown(question, 'no engine of VirusTotal has judged the file', attributes);
  const status = malicious >= question.detectedFrom ? 'detected' : malicious + suspicious > 0 ? 'suspicious' : 'undetected';
  return { ...card(question, attributes), status, stats: statsOf(stats), ...engines(attributes) };
}

function unknown(question: Question, reason: string, attributes?: FileAttributes): Answered {
  return { ...card(question, attributes), status: 'unknown', reason };
}

function card({ sha256, askedAt }: Question, attributes?: FileAttributes): Omit<Answered, 'status'> {
  const base = { sha256, source: virusTotalSource, askedAt };
  if (attributes === undefined) return base;
  const { meaningful_name: name, first_submission_date: first, last_analysis_date: last } = attributes;
  const label = attributes.popular_threat_classification?.suggested_threat_label;
  return {
    ...base,
    ...(label === undefined ? {} : { label: shortText(label, 200) }),
    ...(name === undefined ? {} : { name: shortText(name, 200) }),
    ...(first === undefined ? {} : { firstSeen: isoOf(first) }),
    ...(last === undefined ? {} : { lastAnalysed: isoOf(last) }),
    link: `https://www.virustotal.com/gui/file/${sha256}`,
  };
}

function statsOf(stats: AnalysisStats): NonNullable<Answered['stats']> {
  const { malicious, suspicious, undetected, harmless } = stats;
  const other = stats.timeout + stats['confirmed-timeout'] + stats.failure + stats['type-unsupported'];
  return { malicious, suspicious, undetected, harmless, other };
}

function engines(attributes: FileAttributes): { engines?: string[] } {
  const names = Object.entries(attributes.last_analysis_results)
    .filter(([, result]) => result.category === 'malicious')
    .map(([key, result]) => shortText(result.engine_name ?? key, 80))
    .sort();
  return names.length === 0 ? {} : { engines: names.slice(0, 20) };
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

function errorCode(body: Uint8Array): string | undefined {
  const parsed = errorObjectSchema.safeParse(jsonOf(body));
  // Anything but a plain word could be an echo of the request, key included.
  return parsed.success && /^[A-Za-z]{1,60}$/.test(parsed.data.error.code) ? parsed.data.error.code : undefined;
}

const busy: ReadonlySet<number> = new Set([408, 424, 425]);

function refusal(sha256: string, status: number, code: string | undefined): TriageError {
  const said = `VirusTotal answered ${status}${code === undefined ? '' : ` ${code}`}`;
  if (status === 401 || status === 403)
    return new TriageError('intel-unauthorized', `${said}: it does not accept the API key; check the file that PODTRIAGE_VT_KEY_FILE names`);
  if (status === 429) return new TriageError('intel-quota', `${said}: the key's quota is used up for now`);
  if (status >= 500 || busy.has(status) || code === 'NotAvailableYet')
    return new TriageError('intel-unavailable', `${said} for ${sha256}; it may work later`);
  return invalid(sha256, `is ${status}${code === undefined ? '' : ` ${code}`}, which is no answer about a file; check PODTRIAGE_VT_URL`);
}

function invalid(sha256: string, problem: string): TriageError {
  return new TriageError('intel-invalid-answer', `VirusTotal's answer for ${sha256} ${problem}`);
}
