import { z } from 'zod';
import { type Reach, reaches, reachSchema } from '../domain/access.js';
import { configNameSchema } from '../domain/config-name.js';
import { type Milestone, milestones } from '../domain/delivery.js';
import { TriageError } from '../domain/error.js';
import { plainYaml } from '../yaml.js';

const path = z.string().min(1).max(4_096);

/** What every endpoint has, whatever its kind. */
const common = {
  name: configNameSchema,
  /** What it is told; default everything. */
  milestones: z
    .array(z.enum(milestones))
    .min(1)
    .default([...milestones]),
  /** The pods that it may hear of; default all. */
  reach: reachSchema.default('all'),
};

const webhookSchema = z.strictObject({
  ...common,
  kind: z.literal('webhook'),
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  /** File of the signing secret: `whsec_` and base64 (Standard Webhooks), one a line; while there are two, both sign. */
  secretFile: path,
});
export type WebhookEndpoint = z.output<typeof webhookSchema>;

const slackSchema = z.strictObject({
  ...common,
  kind: z.literal('slack'),
  /** Id of the channel. */
  channel: z.string().regex(/^[CDG][A-Z0-9]{2,30}$/, 'must be the id of a channel, such as C0123456789'),
  /** File of the bot's token. */
  tokenFile: path,
  /** File of the app's signing secret: with it results of a slash command go to who gave it. The same file as in PODTRIAGE_INTAKES. */
  signingSecretFile: path.optional(),
  /** Of Slack's Web API; default Slack's own. */
  apiUrl: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional(),
});
export type SlackEndpoint = z.output<typeof slackSchema>;

const hostname = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'must be the name of a host, in lower case');

/** What is refused unless it is listed here. */
const allowSchema = z.strictObject({
  /** Plain HTTP. */
  http: z.boolean().default(false),
  /** Addresses that are not public, by address or CIDR. */
  addresses: z
    .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))
    .max(100)
    .default([]),
  /** Hosts that may have private or loopback addresses. */
  hosts: z.array(hostname).max(100).default([]),
});
export type AllowList = z.output<typeof allowSchema>;

const endpointSchema = z.discriminatedUnion('kind', [webhookSchema, slackSchema]);
export type EndpointConfig = z.output<typeof endpointSchema>;

const fileSchema = z
  .strictObject({ endpoints: z.array(endpointSchema).max(100).default([]), allow: allowSchema.prefault({}) })
  .superRefine(({ endpoints, allow }, context) => {
    const names = new Set<string>();
    for (const [at, endpoint] of endpoints.entries()) {
      if (names.has(endpoint.name)) context.addIssue({ code: 'custom', path: ['endpoints', at, 'name'], message: 'another endpoint has this name' });
      names.add(endpoint.name);
      const url = endpoint.kind === 'webhook' ? endpoint.url : endpoint.apiUrl;
      const problem = url === undefined ? undefined : urlProblem(new URL(url), allow);
      const field = endpoint.kind === 'webhook' ? 'url' : 'apiUrl';
      if (problem !== undefined) context.addIssue({ code: 'custom', path: ['endpoints', at, field], message: problem });
    }
  });
/** Where results go, as the installation has it. Secrets are not in it, only their files. */
export type EndpointsConfig = z.output<typeof fileSchema>;

/** Of an installation without the file: nothing is told to anybody. */
export const noEndpoints: EndpointsConfig = fileSchema.parse({});

/**
 * Parses the file of the endpoints.
 * @param file its name, for messages
 * @throws TriageError `config-invalid` that names file and field, and no value
 */
export function parseEndpoints(file: string, text: string): EndpointsConfig {
  const parsed = fileSchema.safeParse(plainYaml(text, (problem, cause) => invalid(file, problem, cause)) ?? {});
  if (!parsed.success) throw invalid(file, parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n  '));
  return parsed.data;
}

/** What keeps an address from being used whatever its host is; undefined: nothing. */
export function urlProblem(url: URL, allow: Pick<AllowList, 'http'>): string | undefined {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allow.http)) return 'must be https (allow.http permits plain HTTP)';
  if (url.username !== '' || url.password !== '') return 'must not have a user or password in it';
  return url.hash === '' ? undefined : 'must not have a fragment';
}

/** Says whether an endpoint is told of a milestone of a pod in this place. */
export function isTold(
  endpoint: { readonly milestones: readonly Milestone[]; readonly reach: Reach },
  milestone: Milestone,
  place: { readonly cluster: string; readonly namespace: string },
): boolean {
  return endpoint.milestones.includes(milestone) && reaches(endpoint.reach, place);
}

function invalid(file: string, problem: string, cause?: unknown): TriageError {
  return new TriageError('config-invalid', `${file}:\n  ${problem}`, { cause });
}
