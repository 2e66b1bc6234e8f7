import { hash } from 'node:crypto';
import { TriageError } from '../../playbooks/domain/error.js';
import type { S3Content, S3Objects } from './s3-objects.js';

const marker = Buffer.from('An evidence store of podtriage.\n');

/**
 * Asks a server, before anything is entrusted to it, whether it does what the store rests on: that a second write of a key is refused,
 * and bytes that are not what their checksum says. A server may take both headers without a word and heed neither.
 * Leaves one small object, `podtriage-store`. Throws `config-invalid`.
 */
export async function probe(objects: S3Objects, bucket: string): Promise<void> {
  await objects.bucket();
  const content: S3Content = { sha256: hash('sha256', marker), size: marker.length, open: () => marker };
  const isFirst = await objects.create('podtriage-store', content);
  if (isFirst && (await objects.create('podtriage-store', content)))
    throw unfit(bucket, 'ignores If-None-Match, so that evidence could be written over');
  const wrong = { ...content, sha256: hash('sha256', 'something else') };
  if (await objects.refuses('podtriage-checksum', wrong)) return;
  const kept = await objects.head('podtriage-checksum');
  if (kept !== undefined) await objects.remove('podtriage-checksum', kept);
  throw unfit(bucket, 'does not compare what it gets with x-amz-checksum-sha256, so that damaged bytes could be kept');
}

function unfit(bucket: string, how: string): TriageError {
  return new TriageError(
    'config-invalid',
    `the S3 server of s3://${bucket} is not fit for evidence: it ${how}; use another server or a newer version`,
  );
}
