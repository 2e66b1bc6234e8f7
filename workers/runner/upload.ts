import type { Act } from '../../playbooks/domain/custody.js';
import type { TriageError } from '../../playbooks/domain/error.js';
import { isRetryable } from '../../playbooks/domain/retry.js';
import type { UploadFile, UploadOutcome } from '../../playbooks/domain/upload.js';
import type { IntelPort, RunInfo, UploadPort } from '../../playbooks/ports.js';
import type { SentFile } from '../../store/uploads.js';
import type { RunnerDeps } from './deps.js';

/** One file of one run on its way. */
export interface Upload {
  readonly deps: RunnerDeps;
  readonly intel: IntelPort;
  readonly uploads: UploadPort;
  readonly info: RunInfo;
  readonly file: UploadFile;
  readonly signal: AbortSignal;
}

const maxFailures = 3;

/** Writes down what has become of a file for this run. */
export async function settle({ deps, info, file }: Upload, outcome: UploadOutcome): Promise<undefined> {
  await deps.uploads.keepOutcome(info.id, file, outcome);
}

/** What each act on a file says of it. */
export function detailOf({ file: { mode, size } }: Upload): Pick<UploadFile, 'mode' | 'size'> {
  return { mode, size };
}

/** Records an act on a file in the run's custody. */
export function tell({ deps, info }: Upload, act: Act): Promise<void> {
  return deps.log.record(info.id, [act]);
}

/** Records once that the source has a file of this run, whichever run has sent it. */
export async function tellSent(upload: Upload, { analysis, run, sentAt }: SentFile): Promise<void> {
  const { deps, info, file } = upload;
  if (await deps.uploads.isTold(info.id, file)) return;
  const detail = { ...detailOf(upload), analysis, sentBy: run, sentAt };
  await deps.log.recordUpload(info.id, deps.uploads.toldMark(file), { act: 'artifact.uploaded', subject: file.sha256, detail });
}

/** What has failed is tried again a few times if it may work later; then, or if not, that is what has become of the file. */
export async function afterFailure(upload: Upload, error: TriageError): Promise<number | undefined> {
  const { deps, info, file } = upload;
  const again = isRetryable(error) && (await deps.uploads.failures(info.id, file)) < maxFailures;
  if (again) return deps.clock().getTime() + deps.timings.analysisPollMs / 2;
  return settle(upload, { what: 'failed', error: { code: error.code, message: error.message } });
}

/** Whether the file arrived nobody can say: it is never sent again. */
export async function leaveInDoubt(
  upload: Upload,
  code: 'custody-broken' | 'intel-unavailable' | 'worker-lost',
  problem: string,
): Promise<undefined> {
  const { deps, info, file } = upload;
  const detail = { ...detailOf(upload), error: code, arrived: 'unknown' } as const;
  await deps.log.recordUpload(info.id, `doubt.${file.sha256}`, { act: 'artifact.upload-failed', subject: file.sha256, detail });
  await deps.uploads.doubt(file);
  return settle(upload, { what: 'failed', error: { code, message: `${problem}; whether the file arrived is not known, and it is not sent again` } });
}
