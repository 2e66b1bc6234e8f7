import { asTriageError } from '../../playbooks/domain/error.js';
import type { UploadReceipt } from '../../playbooks/domain/upload.js';
import type { UploadPlace } from '../../store/uploads.js';
import { type Asked, askUnderQuota, type QuotaRequest } from './under-quota.js';
import { afterFailure, detailOf, leaveInDoubt, tell, tellSent, type Upload } from './upload.js';

/** However slow the line: the time limit of one request, and a second more for each 64 KB. */
const bytesPerMs = 64;

/**
 * Sends one file, once. The claim is taken first, then consent is recorded, then it is sent, then what came of it is recorded: whatever dies
 * in between, the file is not sent again unless the source is known not to have it.
 */
export async function sendFile(upload: Upload): Promise<number | undefined> {
  const { deps, info, file, uploads } = upload;
  if (file.size <= uploads.directBytes) return send(upload);
  const kept = await deps.uploads.takePlace(info.id, file);
  if (kept !== undefined) return send(upload, kept);
  const asked = await askUnderQuota(requestOf(upload), (signal, key) => uploads.place(file.mode, signal, key));
  if (asked.what === 'later') return asked.at;
  if (asked.what === 'failed') return afterFailure(upload, asked.error);
  await deps.uploads.keepPlace(info.id, file, { key: asked.key, url: asked.got });
  return deps.clock().getTime();
}

async function send(upload: Upload, place?: UploadPlace): Promise<number | undefined> {
  const { deps, info, file } = upload;
  const timeoutMs = deps.timings.lookupTimeoutMs + Math.ceil(file.size / bytesPerMs);
  const request = { ...requestOf(upload), timeoutMs, ...(place === undefined ? {} : { key: place.key }) };
  const claim = { taken: false };
  const asked: Asked<UploadReceipt | undefined> = await askUnderQuota(request, async (signal, key) => {
    claim.taken = await deps.uploads.claim(file, info.id);
    return claim.taken ? sendClaimed(upload, signal, { key, ...(place === undefined ? {} : { place: place.url }) }) : undefined;
  });
  if (asked.what === 'later' && !claim.taken && place !== undefined) await deps.uploads.keepPlace(info.id, file, place);
  if (asked.what === 'later') return asked.at;
  if (asked.what === 'failed') return afterFailure(upload, asked.error);
  // Another run was faster: the next look says what has become of it.
  return asked.got === undefined ? deps.clock().getTime() : received(upload, asked.got, asked.key);
}

async function sendClaimed(upload: Upload, signal: AbortSignal, to: { key: string; place?: string }): Promise<UploadReceipt> {
  const { deps, uploads, intel, info, file } = upload;
  const { mode: allowed, maxBytes } = deps.uploadPolicy;
  const policy = { upload: allowed, maxBytes };
  const consent = { ...detailOf(upload), requestedBy: info.requestedBy, source: intel.source, policy, key: to.key };
  await tell(upload, { act: 'artifact.upload-consented', subject: file.sha256, detail: consent });
  try {
    const content = await deps.ports.evidence.open(file.sha256);
    return await uploads.send(file, content, signal, to).finally(() => content.destroy());
  } catch (error) {
    await deps.uploads.release(file);
    const detail = { ...detailOf(upload), error: asTriageError(error).code, arrived: 'no' } as const;
    await tell(upload, { act: 'artifact.upload-failed', subject: file.sha256, detail });
    throw error;
  }
}

async function received(upload: Upload, receipt: UploadReceipt, key: string): Promise<number | undefined> {
  const { deps, info, file } = upload;
  if (receipt.what === 'unsure') return leaveInDoubt(upload, 'intel-unavailable', receipt.problem);
  const now = deps.clock();
  const nextAt = now.getTime() + deps.timings.analysisPollMs;
  const sent = { run: info.id, key, analysis: receipt.analysis, sentAt: now.toISOString(), polls: 0, nextAt, analysed: false };
  await deps.uploads.keepSent(file, sent);
  await tellSent(upload, sent);
  return nextAt;
}

function requestOf({ deps, intel, info, signal }: Upload): QuotaRequest {
  return { deps, intel, interactive: info.request.options.priority === 'interactive', signal };
}
