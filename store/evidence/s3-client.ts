import { readFile } from 'node:fs/promises';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { asTriageError, TriageError } from '../../playbooks/domain/error.js';

/** A bucket, and who may write to it. */
export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends in `/`. */
  readonly prefix: string;
  /** Undefined: Amazon's own of the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** File of the access key's id and its secret. */
  readonly credentialsFile: string;
}

/** Streams that somebody reads keep their connections; requests never need so many. */
const sockets = 256;

/** What went wrong is thrown; it need not be on the console, too. */
const silent: NonNullable<S3ClientConfig['logger']> = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {
  // See above.
}

/** A client for one place. It asks nobody but the configured file for credentials. Throws `config-invalid`. */
export async function openClient({ endpoint, region, credentialsFile }: S3Place): Promise<S3Client> {
  // It would tell every start that it will want a newer Node some day, which is not for the operator to mend.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const agent = { keepAlive: true, maxSockets: sockets };
  return new S3Client({
    region,
    endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
    // Other servers seldom have a name for each bucket, and Amazon takes both.
    forcePathStyle: true,
    credentials: await readCredentials(credentialsFile),
    // Ours is given with each object; the client's own would be sent after the body, which not every server takes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It cannot send a stream again; see s3-request.ts.
    maxAttempts: 1,
    logger: silent,
    requestHandler: { connectionTimeout: 5_000, httpAgent: agent, httpsAgent: agent },
  });
}

async function readCredentials(file: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw asTriageError(cause, 'config-invalid', `cannot read the S3 credentials in ${file}`);
  });
  const [accessKeyId, secretAccessKey, ...more] = text.split(/\s+/).filter((word) => word !== '');
  if (accessKeyId === undefined || secretAccessKey === undefined || more.length > 0)
    throw new TriageError('config-invalid', `${file} must hold two words: the id of an S3 access key and its secret`);
  return { accessKeyId, secretAccessKey };
}
