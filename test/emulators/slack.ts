import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Content, contentOf } from './slack-rules.js';

/** A message as people see it now. */
export interface ShownMessage extends Content {
  readonly ts: string;
  readonly channel: string;
  /** `bot`: by the Web API; `reply`: by the address of a slash command. */
  readonly by: 'bot' | 'reply';
  readonly seenBy: 'ephemeral' | 'in_channel';
  /** What it held before. */
  readonly before: readonly Content[];
}

/** One request that has come, and what it was answered. */
export interface SlackCall {
  readonly path: string;
  readonly status: number;
  readonly error?: string;
}

interface Reply {
  readonly channel: string;
  readonly madeAt: number;
  posts: number;
  ts?: string;
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Record<string, string>;
}

/** Slack, as far as a bot and a slash command see it, by the rules of its documentation (docs.slack.dev). */
export class SlackEmulator {
  readonly token = 'xoxb-0123456789-emulated';
  readonly signingSecret = '8f742231b10e8888abcd99yyyzzz85a5';
  readonly channel = 'C0123456789';
  readonly messages: ShownMessage[] = [];
  readonly calls: SlackCall[] = [];
  /** In ms; a test moves it. */
  clock: () => number = Date.now;
  /** The next requests get these answers instead. */
  readonly faults: Answer[] = [];
  private readonly replies = new Map<string, Reply>();
  private readonly lastPost = new Map<string, number>();
  private count = 0;

  private constructor(private readonly server: Server) {
    server.on('request', (req, res) => void this.handle(req, res));
  }

  static async listen(): Promise<SlackEmulator> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SlackEmulator(server);
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `http://${this.host}/api/`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** A new address for replies to a command. */
  responseUrl(channel = this.channel): string {
    const id = randomUUID();
    this.replies.set(id, { channel, madeAt: this.clock(), posts: 0 });
    return `http://${this.host}/commands/T0123456789/${id}`;
  }

  /** The body of a slash command and its headers, signed; each is another one. `undefined` leaves a field out. */
  command(said: string, { at = new Date(), secret = this.signingSecret, ...more }: CommandOptions = {}): SignedCommand {
    const fields = {
      token: 'gIkuvaNzQIHg97ATvDxqgjtO',
      team_id: 'T0123456789',
      team_domain: 'example',
      channel_id: this.channel,
      channel_name: 'incidents',
      user_id: 'U0123456789',
      user_name: 'ada',
      command: '/triage',
      text: said,
      api_app_id: 'A123456',
      is_enterprise_install: 'false',
      response_url: this.responseUrl(),
      trigger_id: `13345224609.738474920.${randomUUID()}`,
      ...more.fields,
    };
    const known = Object.entries<string | undefined>(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const body = new URLSearchParams(known).toString();
    return { body, ...signed(body, at, secret) };
  }

  /** Shows what an app has answered to a command: a reply can take its place. */
  show(command: Pick<SignedCommand, 'body'>, answer: { response_type?: string; text?: string; blocks?: unknown }): void {
    const url = new URLSearchParams(command.body).get('response_url') ?? '';
    const reply = this.replies.get(url.split('/').at(-1) ?? '');
    const content = contentOf(answer);
    if (reply === undefined) throw new Error('a command without an address for replies');
    if (typeof content === 'string') throw new Error(`Slack shows no such answer: ${content}`);
    reply.ts = this.add(reply.channel, 'reply', content, answer.response_type).ts;
  }

  private async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await text(req);
    const path = req.url ?? '';
    const answer = this.faults.shift() ?? this.answer(req, path, body);
    const { error } = answer.body as { error?: string };
    this.calls.push({ path: path.replace(/[^/]{30,}$/, ''), status: answer.status, ...(error === undefined ? {} : { error }) });
    res.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8', ...answer.headers }).end(JSON.stringify(answer.body));
  }

  private answer(req: IncomingMessage, path: string, body: string): Answer {
    if (req.method !== 'POST') return { status: 405, body: { ok: false, error: 'method_not_supported' } };
    const type = req.headers['content-type'] ?? '';
    const form = type.startsWith('application/x-www-form-urlencoded');
    const read: unknown = form ? Object.fromEntries(new URLSearchParams(body)) : type.startsWith('application/json') ? JSON.parse(body) : undefined;
    if (read === undefined) return refused('invalid_post_type');
    const fields = read as Record<string, string>;
    if (path.startsWith('/commands/') && !form) return this.reply(path.split('/').at(-1) ?? '', fields);
    if (path !== '/api/chat.postMessage' && path !== '/api/chat.update') return refused('unknown_method');
    const token = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1];
    if (token === undefined) return refused('not_authed');
    if (token !== this.token) return refused('invalid_auth');
    if (fields['channel'] !== this.channel) return refused('channel_not_found');
    return path.endsWith('update') ? this.update(fields) : this.post(fields);
  }

  /** Five posts within 30 minutes. */
  private reply(id: string, fields: Record<string, unknown>): Answer {
    const reply = this.replies.get(id);
    if (reply === undefined) return { status: 404, body: { ok: false, error: 'no_such_url' } };
    if (this.clock() - reply.madeAt > 30 * 60_000) return { status: 404, body: { ok: false, error: 'expired_url' } };
    if (reply.posts >= 5) return { status: 404, body: { ok: false, error: 'used_url' } };
    const content = contentOf(fields);
    if (typeof content === 'string') return { status: 400, body: { ok: false, error: content } };
    reply.posts += 1;
    if (fields['replace_original'] === true && reply.ts !== undefined) this.replace(reply.ts, content);
    else reply.ts = this.add(reply.channel, 'reply', content, fields['response_type']).ts;
    return { status: 200, body: { ok: true } };
  }

  /** One message a second and channel. */
  private post(fields: Record<string, string>): Answer {
    const content = contentOf(fields);
    if (typeof content === 'string') return refused(content);
    const now = this.clock();
    const wait = (this.lastPost.get(this.channel) ?? 0) + 1_000 - now;
    if (wait > 0) return { status: 429, body: { ok: false, error: 'ratelimited' }, headers: { 'retry-after': String(Math.ceil(wait / 1_000)) } };
    this.lastPost.set(this.channel, now);
    const { ts, channel } = this.add(this.channel, 'bot', content, 'in_channel');
    return { status: 200, body: { ok: true, channel, ts, message: { text: content.text } } };
  }

  private update(fields: Record<string, string>): Answer {
    const content = contentOf(fields);
    if (typeof content === 'string') return refused(content);
    const known = this.messages.find(({ ts }) => ts === fields['ts']);
    if (known === undefined) return refused('message_not_found');
    if (known.by !== 'bot') return refused('cant_update_message');
    this.replace(known.ts, content);
    return { status: 200, body: { ok: true, channel: this.channel, ts: known.ts, text: content.text } };
  }

  private add(channel: string, by: ShownMessage['by'], content: Content, type: unknown): ShownMessage {
    this.count += 1;
    const ts = `${Math.floor(this.clock() / 1_000)}.${String(this.count).padStart(6, '0')}`;
    const message: ShownMessage = { ...content, ts, channel, by, seenBy: type === 'in_channel' ? 'in_channel' : 'ephemeral', before: [] };
    this.messages.push(message);
    return message;
  }

  private replace(ts: string, content: Content): void {
    const at = this.messages.findIndex((each) => each.ts === ts);
    const known = this.messages[at];
    if (known !== undefined) this.messages[at] = { ...known, ...content, before: [...known.before, { text: known.text, blocks: known.blocks }] };
  }
}

/** How a command differs from an ordinary one. */
export interface CommandOptions {
  readonly at?: Date;
  readonly secret?: string;
  readonly fields?: Readonly<Record<string, string | undefined>>;
}

/** A command as it is sent. */
export interface SignedCommand {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs a body as Slack does. */
export function signed(body: string, at: Date, secret: string): Pick<SignedCommand, 'headers'> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
  const type = 'application/x-www-form-urlencoded';
  return { headers: { 'content-type': type, 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature } };
}

function refused(error: string): Answer {
  return { status: 200, body: { ok: false, error } };
}
