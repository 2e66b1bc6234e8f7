import { z } from 'zod';
import { trustedFirst } from '../../../playbooks/domain/engines.js';
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
    .map(([key, result]) => shortText(result.engine_name ?? key, 80));
  return names.length === 0 ? {} : { engines: trustedFirst(names).slice(0, 20) };
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** The body as JSON; undefined when it is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The codes of VirusTotal API v3 ("Errors"). Anything else could be an echo of the request, key included. */
const errorCodes: ReadonlySet<string> = new Set([
  'AlreadyExistsError',
  'AuthenticationRequiredError',
  'BadRequestError',
  'DeadlineExceededError',
  'FailedDependencyError',
  'ForbiddenError',
  'InvalidArgumentError',
  'NotAvailableYet',
  'NotFoundError',
  'QuotaExceededError',
  'TooManyRequestsError',
  'TransientError',
  'UnselectiveContentQueryError',
  'UnsupportedContentQueryError',
  'UserNotActiveError',
  'WrongCredentialsError',
]);

/** The code of an unsuccessful answer; undefined when it is not one of VirusTotal's. */
export function errorCode(body: Uint8Array): string | undefined {
  const parsed = errorObjectSchema.safeParse(jsonOf(body));
  return parsed.success && errorCodes.has(parsed.data.error.code) ? parsed.data.error.code : undefined;
}

const doorkeepers: ReadonlySet<number> = new Set([401, 403, 407]);
const busy: ReadonlySet<number> = new Set([408, 424, 425]);

function refusal(sha256: string, status: number, code: string | undefined): TriageError {
  if (doorkeepers.has(status)) return code === undefined ? foreignRefusal(status) : keyRefused(status, code);
  if (status === 429) return quotaUsedUp(status, code);
  const said = saidOf(status, code);
  if (status >= 500 || busy.has(status) || code === 'NotAvailableYet')
    return new TriageError('intel-unavailable', `${said} for ${sha256}; it may work later`);
  return invalid(sha256, `is ${status}${code === undefined ? '' : ` ${code}`}, which is no answer about a file; check PODTRIAGE_VT_URL`);
}

/** The error for a refusal that is not in VirusTotal's words: it says nothing about the key. */
export function foreignRefusal(status: number): TriageError {
  return new TriageError('intel-unavailable', `something answered ${status} in VirusTotal's place; check proxy, firewall and PODTRIAGE_VT_URL`);
}

/** The error for a key that VirusTotal does not accept. */
export function keyRefused(status: number, code: string): TriageError {
  const problem = 'it does not accept the API key; check the file that PODTRIAGE_VT_KEY_FILE names';
  return new TriageError('intel-unauthorized', `${saidOf(status, code)}: ${problem}`);
}

/** The error for a request over quota. */
export function quotaUsedUp(status: number, code: string | undefined): TriageError {
  return new TriageError('intel-quota', `${saidOf(status, code)}: the key's quota is used up for now`);
}

function saidOf(status: number, code: string | undefined): string {
  return `VirusTotal answered ${status}${code === undefined ? '' : ` ${code}`}`;
}

function invalid(sha256: string, problem: string): TriageError {
  return new TriageError('intel-invalid-answer', `VirusTotal's answer for ${sha256} ${problem}`);
}
