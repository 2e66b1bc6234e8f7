import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import { seal } from '../../playbooks/delivery/sealed.js';
import { reaches } from '../../playbooks/domain/access.js';
import { asTriageError } from '../../playbooks/domain/error.js';
import { type RunRequest, runRequestSchema } from '../../playbooks/domain/request.js';
import { alertSchema } from '../../playbooks/domain/trigger.js';
import { isPodAlert } from '../../playbooks/triggers/match.js';
import type { SlackIntakeConfig } from '../../playbooks/triggers/slack-config.js';
import type { Chats } from '../../store/chats.js';
import { within } from '../../store/of-redis.js';
import type { RunCommander, RunReader, RunView } from '../../store/run-view.js';
import type { Taken, TriggerDesk } from '../../store/trigger-desk.js';
import { parseSlackCommand, type SlackCommand } from './slack-command.js';
import { announce, helpText, type SlackReply, statusText, whisper } from './slack-reply.js';

/** What a {@link SlackDesk} works with. */
export interface SlackDeskDeps {
  readonly config: SlackIntakeConfig;
  /** The app's signing secret. */
  readonly secret: string;
  /** The cluster of commands that name none. */
  readonly cluster: string;
  /** Names of the clusters that some worker has credentials for. */
  readonly clusters: readonly string[];
  readonly runs: Pick<RunReader, 'get'>;
  readonly commander: Pick<RunCommander, 'cancel'>;
  readonly triggers: Pick<TriggerDesk, 'take'>;
  readonly chats: Pick<Chats, 'keepReply'>;
  readonly log: Logger;
}

/** The form of a slash command (https://docs.slack.dev/interactivity/implementing-slash-commands); Slack may send more. */
export const slackFormSchema = z.object({
  team_id: z.string().max(100).default(''),
  channel_id: z.string().max(100).default(''),
  user_id: z.string().max(100).default(''),
  text: z.string().max(10_000).default(''),
  trigger_id: z.string().max(500).optional(),
  response_url: z.string().max(2_000).optional(),
  ssl_check: z.string().optional(),
});
type SlackForm = z.output<typeof slackFormSchema>;

/** Slack waits 3 s for an answer: so long may the store take, in milliseconds. */
const storeMs = 2_200;

/** Does what people in Slack ask for, once Slack's signature was checked. */
export class SlackDesk {
  constructor(private readonly deps: SlackDeskDeps) {}

  get secret(): string {
    return this.deps.secret;
  }

  /**
   * Answers a command; whoever is not on each of the lists is refused, and nothing else happens. Never throws: Slack shows people nothing of an error's text.
   * @param raw the body as it came, which tells a request that comes again where Slack names it not
   */
  async answer(form: SlackForm, raw: Uint8Array): Promise<SlackReply> {
    const { config, cluster, log } = this.deps;
    if (form.ssl_check === '1') return whisper('podtriage is here.');
    if (!config.teams.includes(form.team_id) || !config.users.includes(form.user_id) || !config.channels.includes(form.channel_id)) {
      log.warn({ team: form.team_id, user: form.user_id, channel: form.channel_id }, 'a command in Slack was refused');
      return whisper('You may not use this here. Whoever runs podtriage can list your workspace, you and this channel.');
    }
    try {
      return await within(storeMs, this.obey(parseSlackCommand(form.text, cluster), form, raw));
    } catch (cause) {
      const error = asTriageError(cause);
      log.error({ err: error }, 'a command in Slack could not be done');
      return whisper(`That did not work (${error.code}). Give the command again: no pod gets a second run beside an open one.`);
    }
  }

  private async obey(command: SlackCommand, form: SlackForm, raw: Uint8Array): Promise<SlackReply> {
    switch (command.what) {
      case 'help':
        return whisper(helpText);
      case 'unclear':
        return whisper(`I did not understand that.\n${helpText}`);
      case 'status':
        return this.aboutRun(command.run, (view) => Promise.resolve(whisper(statusText(view))));
      case 'cancel':
        return this.aboutRun(command.run, ({ id }) => this.cancel(id, form));
      case 'triage':
        return this.triage(command.target, form, raw);
    }
  }

  private async aboutRun(id: string, then: (view: RunView) => Promise<SlackReply>): Promise<SlackReply> {
    const view = await this.deps.runs.get(id);
    if (view === undefined || !reaches(this.deps.config.reach, view.request.target)) return whisper('There is no such run.');
    return then(view);
  }

  private async cancel(id: string, form: SlackForm): Promise<SlackReply> {
    const isAsked = await this.deps.commander.cancel(id, actorOf(form));
    return isAsked ? announce(`Run ${id} was asked to stop. What was taken is kept.`) : whisper(`Run ${id} has ended already.`);
  }

  private async triage(target: RunRequest['target'], form: SlackForm, raw: Uint8Array): Promise<SlackReply> {
    const { config, clusters, triggers } = this.deps;
    if (!clusters.includes(target.cluster)) return whisper('No worker serves that cluster.');
    if (!reaches(config.reach, target)) return whisper('Commands in Slack do not reach that namespace.');
    const taken = await triggers.take(alertOf(target, form, raw), {
      request: requestOf(config, target, form),
      startedBy: 'slack',
      actor: actorOf(form),
      cooldownMs: 0,
      once: true,
    });
    await this.keepReply(taken, form);
    return said(taken, target);
  }

  /** Where the person waits for what becomes of it: sealed, as who has the address can write into the channel. */
  private async keepReply({ outcome, run }: Taken, { response_url: url }: SlackForm): Promise<void> {
    const { config, secret, chats } = this.deps;
    if (outcome !== 'opened' || run === undefined || url === undefined || config.notifyEndpoint === undefined) return;
    if (!URL.canParse(url) || new URL(url).host !== config.responseHost) return;
    const about = `${run}/${config.notifyEndpoint}`;
    await chats.keepReply(about, seal(secret, about, url));
  }
}

function actorOf({ team_id: team, user_id: user }: SlackForm): string {
  return `slack:${team}:${user}`;
}

function alertOf(target: RunRequest['target'], { team_id: team, user_id: user, trigger_id: trigger }: SlackForm, raw: Uint8Array) {
  const id = createHash('sha256').update(JSON.stringify(['slack', team, trigger ?? '']));
  const alert = alertSchema.parse({
    intake: 'slack',
    fingerprint: (trigger === undefined ? id.update(raw) : id).digest('hex'),
    rule: `command of ${user}`,
    priority: 'notice',
    at: new Date().toISOString(),
    suspect: { target },
  });
  if (!isPodAlert(alert)) throw new TypeError('a command names a pod');
  return alert;
}

function requestOf({ playbook, options, notifyEndpoint }: SlackIntakeConfig, target: RunRequest['target'], form: SlackForm): RunRequest {
  const notify = notifyEndpoint === undefined ? {} : { notify: [notifyEndpoint] };
  return runRequestSchema.parse({ target, playbook, options, reason: `asked for in Slack by ${actorOf(form)}`, ...notify });
}

function said({ outcome, run }: Taken, { namespace, pod, container }: RunRequest['target']): SlackReply {
  const what = `${namespace}/${pod}${container === undefined ? '' : `, container ${container}`}`;
  if (run === undefined) return whisper(`No run of ${what} could be opened.`);
  if (outcome === 'opened') return announce(`Run ${run} of ${what} is open.`);
  return whisper(`Run ${run} of that pod is open already: status ${run} says where it stands.`);
}
