import { forgedClaim, type SentFile } from '../../store/uploads.js';
import { keepAnswer } from './keep-answer.js';
import { type Asked, askUnderQuota } from './under-quota.js';
import { afterFailure, leaveInDoubt, settle, tellSent, type Upload } from './upload.js';
import { sendFile } from './upload-send.js';

const maxPollFactor = 5;

/**
 * Takes a file one step further: sent, analysed, asked about. All that it rests on is in the store, so that it may be repeated at will.
 * @returns when to go on, in ms since the epoch; undefined when the file has an outcome
 */
export async function advance(upload: Upload): Promise<number | undefined> {
  const { deps, file } = upload;
  const { claimedBy, sent } = await deps.uploads.sent(file);
  if (sent === undefined) return claimedBy === undefined ? sendFile(upload) : whileClaimed(upload, claimedBy);
  await tellSent(upload, sent);
  if (sent.lookup !== undefined) return settle(upload, { what: 'answered', lookup: sent.lookup });
  if (sent.nextAt > deps.clock().getTime()) return sent.nextAt;
  return sent.analysed ? report(upload, sent) : poll(upload, sent);
}

/** A claim of this very run is one of an attempt that was lost; who else has one sends the file now. */
async function whileClaimed(upload: Upload, claimedBy: string): Promise<number | undefined> {
  const { deps, info } = upload;
  if (claimedBy === info.id) return leaveInDoubt(upload, 'worker-lost', 'the worker was lost while it sent the file');
  if (claimedBy === forgedClaim) return leaveInDoubt(upload, 'custody-broken', 'who has sent the file is not signed');
  if (claimedBy === 'unknown') return leaveInDoubt(upload, 'intel-unavailable', 'another run has sent the file and had no answer');
  return deps.clock().getTime() + deps.timings.parkMs * 10;
}

async function poll(upload: Upload, sent: SentFile): Promise<number | undefined> {
  const { deps, uploads, file } = upload;
  const asked = await ask(upload, sent, (signal, key) => uploads.analysed(file.mode, sent.analysis, signal, key));
  if (asked.what === 'later') return asked.at;
  if (asked.what === 'failed') return afterFailure(upload, asked.error);
  const polls = sent.polls + 1;
  const nextAt = asked.got ? 0 : deps.clock().getTime() + deps.timings.analysisPollMs * Math.min(1 + polls / 2, maxPollFactor);
  const now: SentFile = { ...sent, polls, nextAt, analysed: asked.got };
  await deps.uploads.keepSent(file, now);
  return asked.got ? report(upload, now) : nextAt;
}

async function report(upload: Upload, sent: SentFile): Promise<number | undefined> {
  const { deps, uploads, file, signal } = upload;
  const asked = await ask(upload, sent, (limit, key) => uploads.report(file.mode, file.sha256, limit, key));
  if (asked.what === 'later') return asked.at;
  if (asked.what === 'failed') return afterFailure(upload, asked.error);
  const { lookup, raw } = asked.got;
  const stored = raw === undefined ? undefined : await keepAnswer(deps, raw, signal);
  const answer = { ...lookup, askedAt: deps.clock().toISOString(), cached: false, ...(stored === undefined ? {} : { answer: stored.sha256 }) };
  await deps.uploads.keepSent(file, { ...sent, lookup: answer });
  // What everybody can see there is an answer for all runs; what is private is not.
  if (file.mode === 'public') await deps.desk.keep(answer);
  return settle(upload, { what: 'answered', lookup: answer });
}

/** A private analysis can only be seen with the key that the file was sent with. */
function ask<T>(
  { deps, intel, info, file, signal }: Upload,
  sent: SentFile,
  act: (signal: AbortSignal, key: string) => Promise<T>,
): Promise<Asked<T>> {
  const interactive = info.request.options.priority === 'interactive';
  return askUnderQuota({ deps, intel, interactive, signal, ...(file.mode === 'private' ? { key: sent.key } : {}) }, act);
}
