import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlackEmulator } from '../../emulators/slack.js';

let slack: SlackEmulator;
beforeEach(async () => {
  slack = await SlackEmulator.listen();
});
afterEach(() => slack.close());

const plain = (text: string) => ({ type: 'plain_text', text });
const good = { text: 'fallback', blocks: [{ type: 'section', text: plain('x') }] };

async function ask(url: string, body: object, headers: Record<string, string> = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

function call(method: string, body: object, token = slack.token): ReturnType<typeof ask> {
  return ask(`${slack.apiUrl}chat.${method}`, { channel: slack.channel, ...body }, { authorization: `Bearer ${token}` });
}

describe('the emulator of Slack', () => {
  it.each([
    ['no text', { blocks: good.blocks }, 'no_text'],
    ['51 blocks', { text: 'x', blocks: Array.from({ length: 51 }, () => ({ type: 'divider' })) }, 'invalid_blocks'],
    ['a header of 151 characters', { text: 'x', blocks: [{ type: 'header', text: plain('x'.repeat(151)) }] }, 'invalid_blocks'],
    ['a header with markup', { text: 'x', blocks: [{ type: 'header', text: { type: 'mrkdwn', text: '*x*' } }] }, 'invalid_blocks'],
    ['a section of 3,001 characters', { text: 'x', blocks: [{ type: 'section', text: plain('x'.repeat(3_001)) }] }, 'invalid_blocks'],
    ['an empty text', { text: 'x', blocks: [{ type: 'section', text: plain('') }] }, 'invalid_blocks'],
    ['eleven fields', { text: 'x', blocks: [{ type: 'section', fields: Array.from({ length: 11 }, () => plain('x')) }] }, 'invalid_blocks'],
    ['a block that there is not', { text: 'x', blocks: [{ type: 'table', rows: [] }] }, 'invalid_blocks'],
    ['another channel', { ...good, channel: 'C9' }, 'channel_not_found'],
  ])('refuses %s', async (_what, body, error) => {
    expect((await call('postMessage', body)).body).toEqual({ ok: false, error });
    expect(slack.messages).toEqual([]);
  });

  it('asks for the token', async () => {
    expect((await call('postMessage', good, 'xoxb-other')).body).toMatchObject({ error: 'invalid_auth' });
    expect((await ask(`${slack.apiUrl}chat.postMessage`, good)).body).toMatchObject({ error: 'not_authed' });
  });

  it('takes one message a second and channel', async () => {
    slack.clock = () => 1_000_000;
    expect(await call('postMessage', good)).toMatchObject({ status: 200, body: { ok: true } });
    expect(await call('postMessage', good)).toMatchObject({ status: 429, body: { ok: false, error: 'ratelimited' } });
    slack.clock = () => 1_001_000;
    expect(await call('postMessage', good)).toMatchObject({ status: 200 });
  });

  it('changes only messages of the bot', async () => {
    const { body } = await call('postMessage', good);
    expect(await call('update', { ...good, ts: body['ts'] })).toMatchObject({ body: { ok: true } });
    expect((await call('update', { ...good, ts: '1.1' })).body).toMatchObject({ error: 'message_not_found' });
    await ask(slack.responseUrl(), good);
    expect((await call('update', { ...good, ts: slack.messages[1]!.ts })).body).toMatchObject({ error: 'cant_update_message' });
  });

  it('takes five replies to a command within half an hour', async () => {
    const url = slack.responseUrl();
    for (let n = 0; n < 5; n += 1) expect((await ask(url, { ...good, replace_original: true })).status).toBe(200);
    expect(slack.messages).toHaveLength(1);
    expect(await ask(url, good)).toMatchObject({ status: 404, body: { error: 'used_url' } });
    const other = slack.responseUrl();
    const now = Date.now();
    slack.clock = () => now + 30 * 60_000 + 1_000;
    expect(await ask(other, good)).toMatchObject({ status: 404, body: { error: 'expired_url' } });
  });
});
