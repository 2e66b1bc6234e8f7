import supertest from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unseal } from '../../../playbooks/delivery/sealed.js';
import { Chats } from '../../../store/chats.js';
import { type CommandOptions, type SignedCommand, type SlackEmulator, signed } from '../../emulators/slack.js';
import { openDoor } from '../api/door.js';
import { withEngine } from '../engine/with-engine.js';
import { SlackStand } from './slack-stand.js';

const engine = withEngine();
let stand: SlackStand;
let slack: SlackEmulator;
let api: SlackStand['api'];
beforeEach(async () => {
  stand = await SlackStand.create(engine());
  ({ slack, api } = stand);
  await stand.open();
});
afterEach(() => stand.close());

interface Reply {
  response_type: string;
  text: string;
  blocks: { text: { text: string } }[];
}

function post({ body, headers }: SignedCommand): supertest.Test {
  return supertest(stand.door.app).post('/api/v1/intake/slack').set(headers).send(body);
}

/** Gives a command and shows the answer as Slack would. */
async function say(text: string, options: CommandOptions = {}): Promise<{ type: string; text: string }> {
  const command = slack.command(text, options);
  const reply = (await post(command).expect(200)).body as Reply;
  if (options.fields === undefined || options.fields['response_url'] !== undefined) slack.show(command, reply);
  return { type: reply.response_type, text: reply.blocks[0]!.text.text };
}

async function runs(): Promise<string[]> {
  const { redis, keys } = engine();
  return redis.zrange(keys.all, '0', '-1');
}

describe('the slash command', () => {
  it('opens a run at once, signed with who asked, and says its id in the channel', async () => {
    const said = await say('shop/web-0');
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(said).toEqual({ type: 'in_channel', text: `Run ${run} of shop/web-0 is open.` });
    const view = await api.reader.get(run!);
    expect(view).toMatchObject({
      requestedBy: 'slack:T0123456789:U0123456789',
      request: {
        target: { cluster: 'default', namespace: 'shop', pod: 'web-0' },
        playbook: 'brief',
        notify: ['soc'],
        options: { priority: 'interactive' },
      },
      origin: { trigger: { intake: 'slack', startedBy: 'slack' } },
    });
    const [requested] = await engine().entries(run!);
    expect(requested).toMatchObject({ act: 'run.requested', actor: 'slack:T0123456789:U0123456789' });
  });

  it('looks at the container that it names', async () => {
    await say('default:shop/web-0 proxy');
    const [run] = await runs();
    expect((await api.reader.get(run!))!.request.target).toEqual({ cluster: 'default', namespace: 'shop', pod: 'web-0', container: 'proxy' });
  });

  it('says which run is open instead of opening a second one, and asks of no cool-down', async () => {
    await say('shop/web-0');
    const [run] = await runs();
    expect(await say('shop/web-0')).toEqual({
      type: 'ephemeral',
      text: `Run ${run} of that pod is open already: status ${run} says where it stands.`,
    });
    expect(await runs()).toEqual([run]);
    const { redis, keys } = engine();
    await redis.zrem(keys.open, run!);
    await redis.hset(keys.run(run!), 'state', 'completed');
    expect((await say('shop/web-0')).type).toBe('in_channel');
    expect(await runs()).toHaveLength(2);
  });

  it.each([
    ['no response_url', { response_url: undefined }],
    ['no trigger_id', { trigger_id: undefined }],
    [
      'nothing but who and what',
      { token: undefined, team_domain: undefined, channel_name: undefined, user_name: undefined, api_app_id: undefined, command: undefined },
    ],
    ['fields that nobody knows', { enterprise_id: 'E1', enterprise_name: 'x', thread_ts: '1.2' }],
  ])('takes a form with %s', async (_what, fields) => {
    const command = slack.command('shop/web-0', { fields });
    const first = await post(command).expect(200);
    expect((first.body as Reply).response_type).toBe('in_channel');
    expect((await post(command).expect(200)).body).toEqual(first.body);
    expect(await runs()).toHaveLength(1);
  });

  it.each(['team_id', 'user_id', 'channel_id', 'text'])('does nothing for a form without %s', async (field) => {
    expect((await say('shop/web-0', { fields: { [field]: undefined } })).type).toBe('ephemeral');
    expect(await runs()).toEqual([]);
  });

  it.each([
    ['forged', () => slack.command('shop/web-0', { secret: 'another secret of somebody' })],
    ['six minutes old', () => slack.command('shop/web-0', { at: new Date(Date.now() - 360_000) })],
    ['six minutes ahead', () => slack.command('shop/web-0', { at: new Date(Date.now() + 360_000) })],
    ['signed for another body', () => ({ ...slack.command('shop/web-0'), body: slack.command('shop/web-1').body })],
    ['signed over the same fields in other bytes', () => encodedOtherwise(slack.command('shop/web-0'))],
    ['not signed', () => ({ body: slack.command('shop/web-0').body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })],
    ['signed at no time', () => withTime(slack.command('shop/web-0'), 'NaN')],
    ['signed for another time', () => withTime(slack.command('shop/web-0'), String(Math.floor(Date.now() / 1_000) + 7))],
    ['signed by a longer text', () => withSignature(slack.command('shop/web-0'), (signature) => `${signature}00`)],
  ])('that is %s is refused, and does nothing', async (_what, make) => {
    await post(make()).expect(401);
    expect(await runs()).toEqual([]);
  });

  it('answers a request that comes again as the first time, and opens nothing', async () => {
    const command = slack.command('shop/web-0');
    const first = await post(command).expect(200);
    const again = await Promise.all(
      Array.from({ length: 20 }, () => post(command).set('X-Slack-Retry-Num', '1').set('X-Slack-Retry-Reason', 'http_timeout')),
    );
    for (const { body } of again) expect(body).toEqual(first.body);
    expect(await runs()).toHaveLength(1);
    const retried = signed(command.body, new Date(Date.now() + 1_000), slack.signingSecret);
    expect((await post({ body: command.body, ...retried }).expect(200)).body).toEqual(first.body);
    expect(await runs()).toHaveLength(1);
  });

  it.each([
    ['user', { user_id: 'U9999999999' }],
    ['channel', { channel_id: 'C9999999999' }],
    ['workspace', { team_id: 'T9999999999' }],
  ])('of a %s that is not listed is refused to him alone, however well it is signed', async (_what, fields) => {
    for (const text of ['shop/web-0', 'help', 'status r0']) {
      const said = await say(text, { fields });
      expect(said.type).toBe('ephemeral');
      expect(said.text).toContain('You may not use this here');
    }
    expect(await runs()).toEqual([]);
    expect(stand.logged.join('')).toContain('was refused');
  });

  it('reaches only what the configuration lets it', async () => {
    const elsewhere = await engine().open('brief');
    const { request } = (await api.reader.get(elsewhere))!;
    const foreign = await api.commander.open({ ...request, target: { ...request.target, namespace: 'bank' } }, 'test');
    expect((await say('bank/web-0')).text).toContain('do not reach');
    expect((await say('east:shop/web-0')).text).toContain('No worker');
    for (const word of ['status', 'cancel']) expect(await say(`${word} ${foreign}`)).toEqual(await say(`${word} r0nothing`));
    expect(await runs()).toHaveLength(2);
    expect((await api.reader.get(foreign))!.cancelRequestedAt).toBeUndefined();
  });

  it('says where a run stands, and stops it', async () => {
    await say('shop/web-0');
    const [run] = await runs();
    expect((await say(`status ${run}`)).text).toContain('not judged yet');
    expect(await say(`cancel ${run}`)).toMatchObject({ type: 'in_channel' });
    const entries = await engine().entries(run!);
    expect(entries.find(({ act }) => act === 'run.cancel-requested')).toMatchObject({ actor: 'slack:T0123456789:U0123456789' });
    expect((await say(`status ${run}`)).text).toContain('asked to stop');
  });

  it('repeats nothing of what it does not understand', async () => {
    for (const text of ['<!channel> <https://evil.example|here>', 'shop/<@U1>', '`rm -rf`', '\u202e evil', 'x'.repeat(9_000)]) {
      const command = slack.command(text);
      const { text: raw } = await post(command).expect(200);
      expect(raw).toContain('did not understand');
      for (const part of ['evil', '<!', '<@', 'rm -rf', 'xxx']) expect(raw).not.toContain(part);
    }
  });

  it('answers the check of its address, and asks for nothing', async () => {
    await say('', { fields: { ssl_check: '1' } });
    expect(await runs()).toEqual([]);
  });

  it('says to the person that it did not work where Redis does not answer', async () => {
    api.redis.disconnect();
    expect(await say('shop/web-0')).toMatchObject({ type: 'ephemeral', text: expect.stringContaining('did not work') as string });
  });

  it('keeps the address for replies sealed, for that run, and nowhere else', async () => {
    const command = slack.command('shop/web-0');
    await post(command).expect(200);
    const [run] = await runs();
    const url = new URLSearchParams(command.body).get('response_url')!;
    const secretPart = url.split('/').at(-1)!;
    const { redis, keys, texts } = engine();
    for (const key of await redis.keys(`${keys.prefix}*`)) expect(await dump(key)).not.toContain(secretPart);
    expect([...stand.logged, ...stand.door.logged].join('')).not.toContain(secretPart);
    const about = `${run}/soc`;
    const sealed = await new Chats(redis, keys, texts).reply(about);
    expect(unseal(slack.signingSecret, about, sealed!)).toBe(url);
    expect(await redis.ttl(keys.chatReply(about))).toBeGreaterThan(1_700);
  });

  it.each(['https://evil.example/commands/1', 'not a url', 'https://hooks.slack.com@evil.example/x'])(
    'keeps no address of another host: %s',
    async (url) => {
      await say('shop/web-0', { fields: { response_url: url } }).catch(() => undefined);
      const [run] = await runs();
      expect(await engine().redis.exists(engine().keys.chatReply(`${run}/soc`))).toBe(0);
    },
  );

  it('takes a flood of 1,000 about one pod as one run, and answers each', async () => {
    const told: Reply[] = [];
    for (let from = 0; from < 1_000; from += 50) {
      const some = await Promise.all(Array.from({ length: 50 }, () => post(slack.command('shop/web-0'))));
      told.push(...some.map(({ body }) => body as Reply));
    }
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(told.filter(({ response_type: type }) => type === 'in_channel')).toHaveLength(1);
    expect(told.filter(({ text }) => text.includes(run!))).toHaveLength(1_000);
  });

  it('of an installation that takes none is refused as what is not signed', async () => {
    stand.door = openDoor();
    await post(slack.command('shop/web-0')).expect(401);
  });
});

function encodedOtherwise({ body, headers }: SignedCommand): SignedCommand {
  return { headers, body: body.replace('shop%2Fweb-0', 'shop/web-0') };
}

function withTime({ body, headers }: SignedCommand, time: string): SignedCommand {
  return { body, headers: { ...headers, 'x-slack-request-timestamp': time } };
}

function withSignature({ body, headers }: SignedCommand, change: (signature: string) => string): SignedCommand {
  return { body, headers: { ...headers, 'x-slack-signature': change(headers['x-slack-signature'] ?? '') } };
}

async function dump(key: string): Promise<string> {
  const { redis } = engine();
  const all = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    zset: () => redis.zrange(key, '0', '-1'),
    set: () => redis.smembers(key),
  };
  const type = await redis.type(key);
  return type in all ? JSON.stringify(await all[type as keyof typeof all]()) : '';
}
