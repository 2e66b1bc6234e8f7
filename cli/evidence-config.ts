import { join } from 'node:path';
import { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';
import type { EvidencePlace } from '../store/evidence/open.js';

/** What the environment says of an evidence store. */
export interface EvidenceVariables {
  readonly PODTRIAGE_EVIDENCE?: EvidenceBucket | undefined;
  readonly PODTRIAGE_S3_ENDPOINT?: string | undefined;
  readonly PODTRIAGE_S3_REGION: string;
  readonly PODTRIAGE_S3_CREDENTIALS_FILE?: string | undefined;
}

interface EvidenceBucket {
  readonly bucket: string;
  readonly prefix: string;
}

/** Names of buckets as Amazon has them, and a prefix that is a plain path: some servers keep objects as files. */
const bucketPattern = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[A-Za-z0-9][A-Za-z0-9._=-]*)*)\/?$/;

/** Parses `s3://bucket/prefix`; the prefix may be missing. */
export const evidenceBucket = z.string().transform((text, context): EvidenceBucket => {
  const [, bucket, path] = bucketPattern.exec(text) ?? [];
  if (bucket === undefined || path === undefined) {
    context.addIssue('must be s3://bucket or s3://bucket/prefix, the prefix of letters, digits and "._=-/"');
    return z.NEVER;
  }
  return { bucket, prefix: path === '' ? '' : `${path.slice(1)}/` };
});

/**
 * The store that the environment names: a bucket, else a folder in the data folder.
 * @throws TriageError `config-invalid` for half a configuration
 */
export function evidencePlace(values: EvidenceVariables, data: { readonly dir: string; readonly evidence: string }): EvidencePlace {
  const { PODTRIAGE_EVIDENCE: place, PODTRIAGE_S3_ENDPOINT: endpoint, PODTRIAGE_S3_CREDENTIALS_FILE: credentialsFile } = values;
  if (place === undefined) {
    if (endpoint !== undefined || credentialsFile !== undefined)
      throw new TriageError('config-invalid', 'PODTRIAGE_S3_... is set, but no bucket: set PODTRIAGE_EVIDENCE to s3://bucket/prefix, or unset them');
    return { kind: 'disk', folder: data.evidence };
  }
  if (credentialsFile === undefined)
    throw new TriageError('config-invalid', 'PODTRIAGE_S3_CREDENTIALS_FILE: name the private file that has the id of the access key and its secret');
  return { kind: 's3', ...place, endpoint, region: values.PODTRIAGE_S3_REGION, credentialsFile, staging: join(data.dir, 'staging') };
}
