import { describe, expect, it } from 'vitest';
import { assertEndpoints, meet } from '../../../api/endpoints.js';
import { parseEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { milestones } from '../../../playbooks/domain/delivery.js';
import { parseWebhookSecrets } from '../../../playbooks/domain/webhook-secret.js';

const webhook = (...more: string[]): string =>
  ['endpoints:', '  - name: soar', '    kind: webhook', '    url: https://hooks.example/a', '    secretFile: s', ...more].join('\n');
const place = { cluster: 'default', namespace: 'shop' };

describe('the file of the endpoints', () => {
  it('needs little: all milestones of all pods, by https, to public addresses', () => {
    expect(parseEndpoints('e.yaml', webhook())).toEqual({
      endpoints: [{ name: 'soar', kind: 'webhook', url: 'https://hooks.example/a', secretFile: 's', milestones: [...milestones], reach: 'all' }],
      allow: { http: false, addresses: [], hosts: [] },
    });
    expect(parseEndpoints('e.yaml', '')).toMatchObject({ endpoints: [] });
  });

  it.each([
    ['an unknown field', webhook('    colour: red'), 'endpoints.0'],
    ['an unknown kind', webhook().replace('webhook', 'pigeon'), 'endpoints.0.kind'],
    ['plain http', webhook().replace('https', 'http'), 'endpoints.0.url: must be https'],
    ['another scheme', webhook().replace('https', 'ftp'), 'endpoints.0.url'],
    ['a password in the address', webhook().replace('hooks.', 'me:hush@hooks.'), 'endpoints.0.url: must not have a user'],
    ['a fragment', webhook().replace('/a', '/a#b'), 'endpoints.0.url: must not have a fragment'],
    ['no secret', webhook().replace('    secretFile: s', ''), 'endpoints.0.secretFile'],
    ['a name in capitals', webhook().replace('soar', 'SOAR'), 'endpoints.0.name'],
    ['two of one name', `${webhook()}\n${webhook().split('\n').slice(1).join('\n')}`, 'endpoints.1.name: another endpoint'],
    ['a milestone that there is not', webhook('    milestones: [run.started]'), 'endpoints.0.milestones.0'],
    ['a reach of nothing', webhook('    reach: []'), 'endpoints.0.reach'],
    ['an allowed network that is none', webhook('allow: { addresses: [10.0.0.0/33] }'), 'allow.addresses.0'],
    ['an allowed host that is an address with a port', webhook('allow: { hosts: ["hooks.intern:8080"] }'), 'allow.hosts.0'],
    ['a channel by its name', 'endpoints: [{ name: s, kind: slack, channel: "#sec", tokenFile: t }]', 'endpoints.0.channel'],
    ['no YAML', 'endpoints: [', 'line 1: Flow sequence'],
    ['a field twice', webhook('    kind: webhook'), 'line 6: Map keys must be unique'],
  ])('names the place of %s', (_what, text, said) => {
    expect(() => parseEndpoints('e.yaml', text)).toThrow(said);
    expect(() => parseEndpoints('e.yaml', text)).toThrow(/^e\.yaml:/);
    expect(() => parseEndpoints('e.yaml', text)).not.toThrow(/hush/);
  });
});

describe('a file of secrets', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

  it.each([
    ['one', secret, 1],
    ['two, with room around them', `\n${secret}  \r\n\n ${secret.replace('Bw', 'CA')}\n`, 2],
  ])('holds %s', (_what, text, count) => expect(parseWebhookSecrets(text, 'f')).toHaveLength(count));

  it.each([
    ['nothing', ''],
    ['three', `${secret}\n${secret}\n${secret}`],
    ['a short one', 'whsec_c2hvcnQ='],
    ['a long one', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['none of the kind', 'correct horse battery staple correct horse battery'],
    ['one without its beginning', secret.replace('whsec_', '')],
  ])('is refused with %s, and is in no message', (_what, text) => {
    let said = '';
    try {
      parseWebhookSecrets(text, 'endpoint "soar": /srv/secret');
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain('endpoint "soar": /srv/secret');
    for (const line of text.split('\n').filter((each) => each.length > 8)) expect(said).not.toContain(line);
  });
});

describe('the names that a run gives', () => {
  const endpoints = [
    { name: 'soar', reach: 'all' as const },
    { name: 'team', reach: [{ cluster: 'default', namespace: 'shop' }] },
    { name: 'cluster', reach: [{ cluster: 'default', namespace: '*' }] },
  ];

  it('are those of endpoints that may hear of its pod', () => {
    expect(() => assertEndpoints(endpoints, ['soar', 'team', 'cluster'], place)).not.toThrow();
    expect(() => assertEndpoints(endpoints, undefined, place)).not.toThrow();
    expect(() => assertEndpoints(endpoints, ['sorry'], place)).toThrow(expect.objectContaining({ code: 'endpoint-unknown' }) as Error);
    expect(() => assertEndpoints(endpoints, ['team'], { ...place, namespace: 'bank' })).toThrow(
      expect.objectContaining({ code: 'endpoint-unknown' }) as Error,
    );
    // Of several namespaces only who may hear of all of them.
    expect(() => assertEndpoints(endpoints, ['cluster'], { ...place, namespace: '*' })).not.toThrow();
    expect(() => assertEndpoints(endpoints, ['team'], { ...place, namespace: '*' })).toThrow();
  });

  it('are shown to who reaches a namespace of theirs', () => {
    const shop = [{ cluster: 'default', namespace: 'shop' }];
    expect(meet('all', shop)).toBe(true);
    expect(meet(shop, [{ cluster: 'default', namespace: '*' }])).toBe(true);
    expect(meet(shop, [{ cluster: 'default', namespace: 'bank' }])).toBe(false);
    expect(meet(shop, [{ cluster: 'other', namespace: 'shop' }])).toBe(false);
  });
});
