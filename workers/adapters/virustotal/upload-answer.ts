import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import { errorCode, foreignRefusal, jsonOf, keyRefused, quotaUsedUp } from './answer.js';
import type { HttpAnswer } from './request.js';

const placeSchema = z.object({ data: z.string().min(1).max(2_000) });
const types = z.enum(['analysis', 'private_analysis']);
/** An id is opaque ("Analyses"); it goes into a path, escaped. */
const receiptSchema = z.object({ data: z.object({ type: types, id: z.string().regex(/^[\x21-\x7e]{1,500}$/) }) });
const analysisSchema = z.object({ data: z.object({ type: types, attributes: z.object({ status: z.string() }) }) });

/** Reads the answer of `GET /files/upload_url`. Throws as {@link refused}. */
export function readPlace(answer: HttpAnswer): string {
  return read(answer, placeSchema, 'about where to send a file').data;
}

/** Reads the answer of `POST /files`: the id of the analysis. Throws as {@link refused}. */
export function readReceipt(answer: HttpAnswer): string {
  return read(answer, receiptSchema, 'to an upload').data.id;
}

/** Reads the answer of `GET /analyses/{id}`: whether it is complete. Throws as {@link refused}. */
export function readAnalysis(answer: HttpAnswer): boolean {
  return read(answer, analysisSchema, 'about an analysis').data.attributes.status === 'completed';
}

function read<T extends z.ZodType>(answer: HttpAnswer, schema: T, what: string): z.output<T> {
  if (answer.status !== 200) throw refused(answer, what);
  const parsed = schema.safeParse(jsonOf(answer.body));
  if (parsed.success) return parsed.data;
  throw new TriageError('intel-invalid-answer', `what came ${what} has an unexpected shape`);
}

/**
 * The error of an unsuccessful answer about content. That a key may not do it (403: Private Scanning needs a licence) says nothing of its
 * other uses: `method-forbidden`, not `intel-unauthorized`.
 */
export function refused({ status, body }: HttpAnswer, what: string): TriageError {
  const code = errorCode(body);
  const said = `VirusTotal answered ${status}${code === undefined ? '' : ` ${code}`} ${what}`;
  if (status === 403 && code !== undefined) return new TriageError('method-forbidden', `${said}: it does not let this key do that`);
  if (status === 401 || status === 403 || status === 407) return code === undefined ? foreignRefusal(status) : keyRefused(status, code);
  if (status === 429) return quotaUsedUp(status, code);
  if (status === 413) return new TriageError('limit-exceeded', `${said}: the file is too large`);
  if (status >= 500 || status === 408 || code === 'NotAvailableYet') return new TriageError('intel-unavailable', `${said}; it may work later`);
  return new TriageError('intel-invalid-answer', said);
}
