import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { maxBatchPods } from '../playbooks/domain/batch.js';
import { TriageError } from '../playbooks/domain/error.js';
import { uploadModes } from '../playbooks/domain/request.js';
import { directUploadBytes, maxUploadBytes } from '../playbooks/domain/upload.js';
import type { EvidencePlace } from '../store/evidence/open.js';
import { evidenceBucket, evidencePlace } from './evidence-config.js';
import { withPassword } from './redis-config.js';

type Env = Readonly<Record<string, string | undefined>>;

const text = z.string().min(1);
const absolute = text.transform((path) => resolve(path));
const absolutes = z
  .string()
  .default('')
  .transform((paths) =>
    paths
      .split(delimiter)
      .filter((path) => path !== '')
      .map((path) => resolve(path)),
  );
const whole = (min: number, max: number, preset: number) => z.coerce.number().int().min(min).max(max).default(preset);
const ceiling = (max: number) => z.coerce.number().int().min(1).max(max).optional();
const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"');

const envSchema = z.object({
  PODTRIAGE_DATA: absolute.optional(),
  REDIS_URL: text.optional(),
  PODTRIAGE_REDIS_PASSWORD_FILE: absolute.optional(),
  PODTRIAGE_HOST: text.default('127.0.0.1'),
  PODTRIAGE_PORT: whole(0, 65_535, 7_467),
  PODTRIAGE_EVIDENCE: evidenceBucket.optional(),
  PODTRIAGE_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  PODTRIAGE_S3_REGION: text.default('us-east-1'),
  PODTRIAGE_S3_CREDENTIALS_FILE: absolute.optional(),
  PODTRIAGE_CLUSTER: name.default('default'),
  PODTRIAGE_KUBECONFIG: absolute.optional(),
  PODTRIAGE_SSH_USER: text.optional(),
  PODTRIAGE_SSH_KEY: absolute.optional(),
  SSH_AUTH_SOCK: text.optional(),
  PODTRIAGE_SSH_PORT: whole(1, 65_535, 22),
  PODTRIAGE_KNOWN_HOSTS: absolute.optional(),
  PODTRIAGE_SUDO: z.string().default('sudo -n'),
  PODTRIAGE_NODE_SLOTS: whole(1, 64, 4),
  PODTRIAGE_NODE_BANDWIDTH: whole(0, 100_000, 0),
  PODTRIAGE_LOCK_SECONDS: whole(1, 600, 60),
  PODTRIAGE_IN_CONTAINER: z.enum(['allowed', 'never']).default('never'),
  PODTRIAGE_VT_URL: z.url({ protocol: /^https?$/ }).default('https://www.virustotal.com/api/v3'),
  PODTRIAGE_VT_KEY_FILE: absolute.optional(),
  PODTRIAGE_VT_PER_MINUTE: ceiling(100_000),
  PODTRIAGE_VT_PER_DAY: ceiling(100_000_000),
  PODTRIAGE_VT_PER_MONTH: ceiling(1_000_000_000),
  PODTRIAGE_VT_FOUND_HOURS: whole(1, 24 * 90, 24),
  PODTRIAGE_VT_UNKNOWN_MINUTES: whole(1, 60 * 24 * 90, 60),
  PODTRIAGE_VT_UPLOAD: z.enum(uploadModes).default('never'),
  PODTRIAGE_VT_UPLOAD_BYTES: whole(1, maxUploadBytes, directUploadBytes),
  PODTRIAGE_API_SIGNING_KEY: absolute.optional(),
  PODTRIAGE_WORKER_SIGNING_KEY: absolute.optional(),
  PODTRIAGE_TRUSTED_KEYS: absolutes,
  PODTRIAGE_HASHES_GOOD: absolutes,
  PODTRIAGE_HASHES_BAD: absolutes,
  PODTRIAGE_NERDCTL: text.default('nerdctl'),
  PODTRIAGE_CTR: text.default('ctr'),
  PODTRIAGE_CONTAINERD_ADDRESS: text.optional(),
  PODTRIAGE_TRUST_PROXY: whole(0, 10, 0),
  PODTRIAGE_REQUESTS_PER_MINUTE: whole(0, 1_000_000, 600),
  PODTRIAGE_OIDC: absolute.optional(),
  PODTRIAGE_INTAKES: absolute.optional(),
  PODTRIAGE_ENDPOINTS: absolute.optional(),
  PODTRIAGE_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  PODTRIAGE_BATCH_MAX_PODS: whole(1, maxBatchPods, 1_000),
  PODTRIAGE_METRICS: z.enum(['key', 'open']).default('key'),
  PODTRIAGE_WORKER_HOST: text.default('127.0.0.1'),
  PODTRIAGE_WORKER_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  PODTRIAGE_RETENTION_DAYS: whole(1, 36_500, 90),
  PODTRIAGE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});
type Values = z.output<typeof envSchema>;

/** Where the files of one data folder are. */
export interface DataFolder {
  readonly dir: string;
  /** Of evidence, where it is not in a bucket. */
  readonly evidence: string;
  readonly apiKeyFile: string;
  /** Private keys that sign custody, one a role, and the public halves of all that have. */
  readonly signingKeys: string;
}

/** The keys that sign custody, and those that it is checked with. */
export interface KeyPlaces {
  /** Files of private keys that somebody else keeps, by role; a role without one has its own in the data folder. */
  readonly given: { readonly api: string | undefined; readonly worker: string | undefined };
  /** Files and folders of public keys of processes that run elsewhere. */
  readonly trusted: readonly string[];
}

/** Parts of the service that can be processes of their own. */
export const serviceRoles = ['api', 'workers'] as const;
export type ServiceRole = (typeof serviceRoles)[number];

/** Secrets that are the other part's: whatever is set, a process does not look at them. */
const withheld: Readonly<Record<ServiceRole, readonly string[]>> = {
  api: ['PODTRIAGE_KUBECONFIG', 'PODTRIAGE_SSH_KEY', 'SSH_AUTH_SOCK', 'PODTRIAGE_VT_KEY_FILE', 'PODTRIAGE_WORKER_SIGNING_KEY'],
  workers: ['PODTRIAGE_API_SIGNING_KEY'],
};

/** Variables that name files of secrets; keys that sign are looked at where they are read. */
const secretFiles = [
  'PODTRIAGE_REDIS_PASSWORD_FILE',
  'PODTRIAGE_KUBECONFIG',
  'PODTRIAGE_SSH_KEY',
  'PODTRIAGE_VT_KEY_FILE',
  'PODTRIAGE_S3_CREDENTIALS_FILE',
] as const;

/** The whole service, from its environment. Secrets are not in it, only their files, but for the password of Redis. */
export interface ServiceConfig {
  readonly data: DataFolder;
  readonly keys: KeyPlaces;
  readonly evidence: EvidencePlace;
  readonly redis: { readonly url: string | undefined };
  readonly api: { readonly host: string; readonly port: number; readonly metrics: Values['PODTRIAGE_METRICS'] };
  readonly access: {
    /** Proxies between callers and the API that say whom they speak for. */
    readonly proxies: number;
    /** Of one caller; 0: as many as he likes. */
    readonly requestsPerMinute: number;
    /** Whose tokens are taken beside API keys. */
    readonly oidcFile: string | undefined;
  };
  /** Which alerts of other tools start what. */
  readonly intakes: { readonly file: string | undefined };
  /** The most pods that a batch may have. */
  readonly batches: { readonly maxPods: number };
  /** Where results go. */
  readonly endpoints: { readonly file: string | undefined };
  /** Where people find the API, for links to it. */
  readonly publicUrl: string | undefined;
  readonly cluster: { readonly name: string; readonly kubeconfig: string | undefined };
  readonly ssh: {
    readonly user: string | undefined;
    readonly keyFile: string | undefined;
    /** Socket of an agent; used only without `keyFile`. */
    readonly agent: string | undefined;
    readonly port: number;
    readonly knownHosts: string | undefined;
  };
  readonly node: {
    /** Words of the privilege command; empty: none. */
    readonly sudo: readonly string[];
    /** Steps at a time on one node, over all workers. */
    readonly slots: number;
    /** Bytes a second that one node may send to this process; 0: no cap. */
    readonly bandwidth: number;
    readonly nerdctl: string;
    readonly ctr: string;
    readonly containerdAddress: string | undefined;
  };
  readonly virusTotal: {
    readonly url: string;
    /** Without it, hashes are not asked for. */
    readonly keyFile: string | undefined;
    /** Ceilings for each key that has none of its own; where there is none, what the source reports counts, else the public API's limits. */
    readonly perMinute: number | undefined;
    readonly perDay: number | undefined;
    readonly perMonth: number | undefined;
    /** How long answers are kept. */
    readonly foundHours: number;
    readonly unknownMinutes: number;
    /** What runs may give away, if they ask for it; larger files stay here in any case. */
    readonly upload: Values['PODTRIAGE_VT_UPLOAD'];
    readonly uploadBytes: number;
  };
  /** Files of sha256 sums that need not be asked for. */
  readonly hashLists: { readonly good: readonly string[]; readonly bad: readonly string[] };
  readonly worker: {
    /** A worker that is silent for so long has lost its step to another one. */
    readonly lockSeconds: number;
    /** Whether steps may run programs in the suspect's containers. */
    readonly inContainer: Values['PODTRIAGE_IN_CONTAINER'];
    /** How long evidence is kept where a run does not say it. */
    readonly retentionDays: number;
    /** Where workers tell of their health and metrics; without a port, nowhere. */
    readonly view: { readonly host: string; readonly port: number | undefined };
  };
  readonly log: { readonly level: Values['PODTRIAGE_LOG_LEVEL'] };
}

/** Where the command keeps its things unless PODTRIAGE_DATA says otherwise. */
export function dataFolder(env: Env): DataFolder {
  const base = env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share');
  const given = env['PODTRIAGE_DATA'];
  const dir = given === undefined || given === '' ? join(base, 'podtriage') : resolve(given);
  return { dir, evidence: join(dir, 'evidence'), apiKeyFile: join(dir, 'api-key'), signingKeys: join(dir, 'keys') };
}

/**
 * Parses the environment of the service; an empty variable counts as not set. Files of secrets must exist and be private.
 * @param only of a process that is but a part of the service, which gets no secret of the other one: the API none of clusters, nodes or VirusTotal
 * @throws TriageError `config-invalid` that names each variable
 */
export async function readConfig(env: Env, only?: ServiceRole): Promise<ServiceConfig> {
  const others = only === undefined ? [] : withheld[only];
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => value !== '' && !others.includes(name)));
  const parsed = envSchema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new TriageError('config-invalid', `the environment is not valid; set right or unset:\n  ${problems.join('\n  ')}`);
  }
  const values = parsed.data;
  for (const name of secretFiles) await checkSecretFile(values[name], name);
  const redisUrl = await withPassword(values.REDIS_URL, values.PODTRIAGE_REDIS_PASSWORD_FILE);
  return nest({ ...values, REDIS_URL: redisUrl }, dataFolder(env));
}

/** Where this machine has its signing keys, and nothing else of its configuration. Throws `config-invalid`. */
export function readKeyPlaces(env: Env): KeyPlaces {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const names = { PODTRIAGE_API_SIGNING_KEY: true, PODTRIAGE_WORKER_SIGNING_KEY: true, PODTRIAGE_TRUSTED_KEYS: true } as const;
  return keyPlaces(envSchema.pick(names).parse(given));
}

function keyPlaces(values: Pick<Values, 'PODTRIAGE_API_SIGNING_KEY' | 'PODTRIAGE_WORKER_SIGNING_KEY' | 'PODTRIAGE_TRUSTED_KEYS'>): KeyPlaces {
  return {
    given: { api: values.PODTRIAGE_API_SIGNING_KEY, worker: values.PODTRIAGE_WORKER_SIGNING_KEY },
    trusted: values.PODTRIAGE_TRUSTED_KEYS,
  };
}

function nest(values: Values, data: DataFolder): ServiceConfig {
  return {
    data,
    keys: keyPlaces(values),
    evidence: evidencePlace(values, data),
    redis: { url: values.REDIS_URL },
    api: { host: values.PODTRIAGE_HOST, port: values.PODTRIAGE_PORT, metrics: values.PODTRIAGE_METRICS },
    access: { proxies: values.PODTRIAGE_TRUST_PROXY, requestsPerMinute: values.PODTRIAGE_REQUESTS_PER_MINUTE, oidcFile: values.PODTRIAGE_OIDC },
    intakes: { file: values.PODTRIAGE_INTAKES },
    endpoints: { file: values.PODTRIAGE_ENDPOINTS },
    publicUrl: values.PODTRIAGE_PUBLIC_URL,
    batches: { maxPods: values.PODTRIAGE_BATCH_MAX_PODS },
    cluster: { name: values.PODTRIAGE_CLUSTER, kubeconfig: values.PODTRIAGE_KUBECONFIG },
    ssh: {
      user: values.PODTRIAGE_SSH_USER,
      keyFile: values.PODTRIAGE_SSH_KEY,
      agent: values.PODTRIAGE_SSH_KEY === undefined ? values.SSH_AUTH_SOCK : undefined,
      port: values.PODTRIAGE_SSH_PORT,
      knownHosts: values.PODTRIAGE_KNOWN_HOSTS,
    },
    node: {
      sudo: values.PODTRIAGE_SUDO.split(' ').filter((word) => word !== ''),
      slots: values.PODTRIAGE_NODE_SLOTS,
      bandwidth: values.PODTRIAGE_NODE_BANDWIDTH * 1024 * 1024,
      nerdctl: values.PODTRIAGE_NERDCTL,
      ctr: values.PODTRIAGE_CTR,
      containerdAddress: values.PODTRIAGE_CONTAINERD_ADDRESS,
    },
    virusTotal: {
      url: values.PODTRIAGE_VT_URL,
      keyFile: values.PODTRIAGE_VT_KEY_FILE,
      perMinute: values.PODTRIAGE_VT_PER_MINUTE,
      perDay: values.PODTRIAGE_VT_PER_DAY,
      perMonth: values.PODTRIAGE_VT_PER_MONTH,
      foundHours: values.PODTRIAGE_VT_FOUND_HOURS,
      unknownMinutes: values.PODTRIAGE_VT_UNKNOWN_MINUTES,
      upload: values.PODTRIAGE_VT_UPLOAD,
      uploadBytes: values.PODTRIAGE_VT_UPLOAD_BYTES,
    },
    hashLists: { good: values.PODTRIAGE_HASHES_GOOD, bad: values.PODTRIAGE_HASHES_BAD },
    worker: {
      lockSeconds: values.PODTRIAGE_LOCK_SECONDS,
      inContainer: values.PODTRIAGE_IN_CONTAINER,
      retentionDays: values.PODTRIAGE_RETENTION_DAYS,
      view: { host: values.PODTRIAGE_WORKER_HOST, port: values.PODTRIAGE_WORKER_PORT },
    },
    log: { level: values.PODTRIAGE_LOG_LEVEL },
  };
}

/** Checks that a file of a secret is there and that not everybody on this machine can read it. Throws `config-invalid` naming the variable. */
export async function checkSecretFile(file: string | undefined, variable: string): Promise<void> {
  if (file === undefined) return;
  const found = await stat(file).catch((cause: unknown) => {
    throw new TriageError('config-invalid', `${variable}: there is no file ${file}`, { cause });
  });
  if (!found.isFile()) throw new TriageError('config-invalid', `${variable}: there is no file ${file}`);
  if ((found.mode & 0o007) !== 0) throw new TriageError('config-invalid', `${variable}: everybody can read ${file}; run: chmod 600 ${file}`);
}
