import { S3ServiceException } from '@aws-sdk/client-s3';
import { type ErrorCode, TriageError } from '../../playbooks/domain/error.js';

/** Errors of S3 by name, where the status of the answer does not say enough. */
const full: ReadonlySet<string> = new Set([
  'QuotaExceeded',
  'NoSpaceLeftOnDevice',
  'XMinioStorageFull',
  'InsufficientCapacity',
  'InsufficientStorage',
]);
const refused: ReadonlySet<string> = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken']);
const damaged: ReadonlySet<string> = new Set(['BadDigest', 'InvalidDigest', 'XAmzContentChecksumMismatch', 'XAmzContentSHA256Mismatch']);

/** What a server said. HEAD is answered without a body, so that only the status is known of it. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Whether there is no such object. Of HEAD also where there is no such bucket or key: its answer says no more. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound');
}

/** True when the bytes that arrived were not those that were sent. */
export function isDamaged(error: unknown): boolean {
  return error instanceof S3ServiceException && damaged.has(error.name);
}

/**
 * Whether the same request may succeed a moment later: nobody answered, or the server was busy or at fault, or two wrote the same at once
 * (409), or the bytes were damaged on their way.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof TriageError) return false;
  if (!(error instanceof S3ServiceException)) return true;
  const status = statusOf(error) ?? 0;
  return !full.has(error.name) && (status >= 500 || status === 408 || status === 409 || status === 429 || isDamaged(error));
}

/**
 * What a failed request means. Throws nothing itself.
 * @param what such as `keep a file`
 * @param bucket as the configuration names it
 * @returns `store-full`, `config-invalid` (bucket, credentials, region, clock), `store-unwritable`
 */
export function s3Error(error: unknown, what: string, bucket: string): TriageError {
  if (error instanceof TriageError) return error;
  const text = textOf(error);
  const fail = (code: ErrorCode, todo: string): TriageError =>
    new TriageError(code, `could not ${what} in the evidence store s3://${bucket}: ${todo} (${text})`, { cause: error });
  if (!(error instanceof S3ServiceException)) return fail('store-unwritable', 'the S3 server does not answer; check PODTRIAGE_S3_ENDPOINT');
  const [code, todo] = meaning(error);
  return fail(code, todo);
}

function meaning(error: S3ServiceException): ['config-invalid' | 'store-full' | 'store-unwritable', string] {
  const status = statusOf(error) ?? 0;
  if (full.has(error.name) || status === 507) return ['store-full', 'it is full; free space, or raise its quota'];
  if (error.name === 'RequestTimeTooSkewed') return ['config-invalid', "this machine's clock and the server's differ; set them right"];
  if (error.name === 'NoSuchBucket') return ['config-invalid', 'there is no such bucket; make it, or set PODTRIAGE_EVIDENCE right'];
  // Some say 404 of a key that they do not know.
  if (refused.has(error.name) || status === 401 || status === 403 || status === 404)
    return ['config-invalid', 'the server refuses these credentials; check PODTRIAGE_S3_CREDENTIALS_FILE and what they may do'];
  if (status >= 300 && status < 400) return ['config-invalid', 'the bucket is in another region; set PODTRIAGE_S3_REGION'];
  return ['store-unwritable', 'the S3 server refused; see its log'];
}

function textOf(error: unknown): string {
  if (error instanceof S3ServiceException) return `${error.name}, status ${statusOf(error) ?? 'unknown'}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return error.message === '' ? code : `${code}: ${error.message}`;
}
