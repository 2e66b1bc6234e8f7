import { Readable } from 'node:stream';
import { asTriageError, TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';
import { directUploadBytes, type UploadMode, type UploadReceipt } from '../../../playbooks/domain/upload.js';
import type { UploadPort } from '../../../playbooks/ports.js';
import { errorCode } from './answer.js';
import { MultipartFile } from './multipart.js';
import { readPrivateReport } from './private-file.js';
import { createExchange, type Exchange, type HttpAnswer, type RequestOptions } from './request.js';
import { uploadAddress } from './upload-address.js';
import { readAnalysis, readPlace, readReceipt } from './upload-answer.js';

/** The doors of a key, and what reads the public file endpoint for it. */
export interface UploadOptions {
  readonly optionsOf: (key?: string) => RequestOptions;
  readonly publicReport: (sha256: string, signal: AbortSignal, key?: string) => ReturnType<UploadPort['report']>;
  readonly clock: () => Date;
}

/** However slow the line: so long, and a second more for each 64 KB. */
const requestMs = 60_000;
const bytesPerMs = 64;

const folder: Readonly<Record<UploadMode, string>> = { public: '/api/v3', private: '/api/v3/private' };

/**
 * Uploads to VirusTotal (API v3): `POST /files` with one part `file` of a multipart form up to 32 MB, `GET /files/upload_url` before larger
 * ones, up to 650 MB ("Upload a file", "Get a URL for uploading large files"), then `GET /analyses/{id}`. Private Scanning has the same
 * under `/private`; no antivirus runs there ("Private Files").
 */
export function createUploads({ optionsOf, publicReport, clock }: UploadOptions): UploadPort {
  const doors = new Map<string, { exchange: Exchange; origin: string }>();
  const doorOf = (key?: string): { exchange: Exchange; origin: string } => {
    const known = doors.get(key ?? '');
    if (known !== undefined) return known;
    const options = optionsOf(key);
    const door = { exchange: createExchange(options), origin: options.origin };
    doors.set(key ?? '', door);
    return door;
  };
  const get = (path: string, signal: AbortSignal, key?: string): Promise<HttpAnswer> => doorOf(key).exchange({ method: 'get', url: path }, signal);
  return {
    directBytes: directUploadBytes,
    async place(mode, signal, key) {
      const place = readPlace(await get(`${folder[mode]}/files/upload_url`, signal, key));
      return uploadAddress(place, doorOf(key).origin);
    },
    async send(file, content, signal, { key, place } = {}) {
      const { exchange, origin } = doorOf(key);
      const url = place === undefined ? `${folder[file.mode]}/files` : uploadAddress(place, origin);
      return sendForm(exchange, url, new MultipartFile(file, content), signal, file.size);
    },
    async analysed(mode, analysis, signal, key) {
      return readAnalysis(await get(`${folder[mode]}/analyses/${encodeURIComponent(analysis)}`, signal, key));
    },
    async report(mode, sha256, signal, key) {
      if (mode === 'public') return publicReport(sha256, signal, key);
      const askedAt = clock().toISOString();
      const answer = await get(`${folder.private}/files/${sha256}`, signal, key);
      return { lookup: readPrivateReport({ sha256, askedAt }, answer), raw: answer.body };
    },
  };
}

async function sendForm(exchange: Exchange, url: string, form: MultipartFile, signal: AbortSignal, size: number): Promise<UploadReceipt> {
  throwIfAborted(signal);
  const data = Readable.from(form.chunks(), { objectMode: false });
  const answer = await exchange({ method: 'post', url, data, headers: form.headers }, signal, requestMs + Math.ceil(size / bytesPerMs))
    .catch((raw: unknown) => {
      // The form's own error, such as bytes that are not those of the hash, reaches us as a broken request.
      const error = form.error ?? asTriageError(raw);
      if (form.isSent) return error;
      throw error;
    })
    .finally(() => data.destroy());
  if (answer instanceof TriageError) return { what: 'unsure', problem: answer.message };
  try {
    return { what: 'accepted', analysis: readReceipt(answer) };
  } catch (raw) {
    const error = asTriageError(raw);
    if (form.isSent && !isRefusal(answer)) return { what: 'unsure', problem: error.message };
    throw error;
  }
}

/** In VirusTotal's own words, and not that it took too long: it has not taken the file. */
function isRefusal({ status, body }: HttpAnswer): boolean {
  return status >= 400 && status !== 504 && errorCode(body) !== undefined;
}
