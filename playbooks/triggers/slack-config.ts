import { z } from 'zod';
import { reachSchema } from '../domain/access.js';
import { configNameSchema } from '../domain/config-name.js';
import { optionsSchema, runRequestSchema, targetSchema } from '../domain/request.js';

const ids = (first: string, example: string) =>
  z
    .array(z.string().regex(new RegExp(`^[${first}][A-Z0-9]{2,30}$`), `must be an id such as ${example}, not a name`))
    .min(1)
    .max(1_000);

/** Who may give the slash command in Slack, where, and what it starts. A signature of Slack's is no permission: each list must have him. */
export const slackSchema = z.strictObject({
  /** File of the app's signing secret. */
  signingSecretFile: z.string().min(1).max(4_096),
  teams: ids('TE', 'T0123456789'),
  users: ids('UW', 'U0123456789'),
  channels: ids('CDG', 'C0123456789'),
  /** The cluster of commands that name none. Absent: that of all alerts. */
  cluster: targetSchema.shape.cluster.unwrap().optional(),
  /** The pods that commands may have looked at. */
  reach: reachSchema,
  /** The endpoint of kind `slack` that brings what becomes of a run. Absent: only the command `status` tells it. */
  notifyEndpoint: configNameSchema.optional(),
  playbook: runRequestSchema.shape.playbook,
  options: optionsSchema.prefault({}),
  /** The host, with its port, that `response_url`s must have. */
  responseHost: z.string().min(1).max(300).default('hooks.slack.com'),
});
export type SlackIntakeConfig = z.output<typeof slackSchema>;
