import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AllowList, noEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { afterMs } from '../../../playbooks/domain/abort.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Resolve } from '../../../workers/adapters/delivery/address.js';
import { post } from '../../../workers/adapters/delivery/request.js';
import { nameServer } from './name-server.js';
import { Receiver } from './receiver.js';

/** On every address of this machine, of both families: what gets through is seen. */
let anywhere: Receiver;
beforeAll(async () => {
  anywhere = await Receiver.listen('::');
});
afterAll(() => anywhere.close());

const plain: AllowList = { ...noEndpoints.allow, http: true };

function sendTo(url: string, allow: Partial<AllowList> = {}, resolve?: Resolve): Promise<unknown> {
  const policy = { allow: { ...plain, ...allow }, ...(resolve === undefined ? {} : { resolve }) };
  return post({ url, headers: {}, body: '{}' }, policy, afterMs(5_000)).then(
    ({ status }) => status,
    (error: unknown) => (error instanceof TriageError ? error.code : error),
  );
}

/** What an attacker may name, or get into a configuration; each is tried with the port of a service that listens everywhere on this machine. */
const hosts = [
  // Loopback in all that URLs take for a number.
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7F.1',
  '0177.0.0.1',
  '017700000001',
  '0177.0x0.0.1',
  '127.255.255.254',
  '127.0.0.1.',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  // The unspecified address reaches this machine, too.
  '0.0.0.0',
  '0',
  '0x0',
  '0.1.2.3',
  // By name.
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.localhost',
  // IPv6, and IPv4 within it.
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:0:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::1]',
  '[2001:0:7f00:1::]',
  '[fe80::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd12:3456:789a::1]',
  '[ff02::1]',
  '[100::1]',
  '[2001:db8::1]',
  '[5f00::1]',
  '[4000::1]',
  '[::ffff:169.254.169.254]',
  // Metadata of clouds.
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '[fd00:ec2::254]',
  '100.100.100.200',
  '192.0.0.192',
  // Private, shared, and of no use.
  '10.0.0.1',
  '10.96.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '100.64.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
];

describe('an address that is not public', () => {
  it('is tried in many forms', () => expect(hosts.length).toBeGreaterThanOrEqual(50));

  it.each(hosts)('is refused as %s', async (host) => {
    // Names that do not resolve here cannot be refused for their address.
    expect(['address-refused', ...(host === 'a.localhost' ? ['delivery-failed'] : [])]).toContain(await sendTo(`http://${host}:${anywhere.port}/`));
    expect(anywhere.connections).toBe(0);
  });

  it.each([
    [
      'of this machine in its network',
      ...Object.values(networkInterfaces())
        .flatMap((all) => all ?? [])
        .map(({ address }) => address)
        .slice(0, 4),
    ],
  ])('is refused %s', async (_what, ...addresses) => {
    for (const address of addresses.filter((each) => !each.includes('%')))
      expect(await sendTo(`http://${address.includes(':') ? `[${address}]` : address}:${anywhere.port}/`)).toBe('address-refused');
    expect(anywhere.connections).toBe(0);
  });

  it.each([
    ['one private address', ['10.1.2.3']],
    ['a public one and a private one', ['1.1.1.1', '127.0.0.1']],
    ['one that is mapped', ['::ffff:127.0.0.1']],
    ['one in another notation', ['0x7f.1']],
    ['one with a zone', ['fe80::1%lo']],
    ['nonsense', ['localhost']],
  ])('is refused where a name has %s', async (_what, addresses) => {
    const resolve: Resolve = () => Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    expect(await sendTo(`http://hooks.example:${anywhere.port}/`, {}, resolve)).toBe('address-refused');
    expect(anywhere.connections).toBe(0);
  });

  it('is refused whoever is named beside it', async () => {
    for (const url of ['http://hooks.example@127.0.0.1:PORT/', 'http://user:word@hooks.example:PORT/', 'http://127.0.0.1:PORT/#hooks.example'])
      expect(await sendTo(url.replace('PORT', String(anywhere.port)), { addresses: ['127.0.0.1'] })).toBe('address-refused');
    for (const url of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'gopher://127.0.0.1:6379/_FLUSHALL'])
      expect(await sendTo(url, { addresses: ['127.0.0.1'] })).toBe('address-refused');
    expect(await sendTo(`http://127.0.0.1:${anywhere.port}/`, { http: false, addresses: ['127.0.0.1'] })).toBe('address-refused');
    expect(anywhere.connections).toBe(0);
  });
});

describe('a name server that changes its mind', () => {
  it('is asked once, and its first answer is where the message goes', async () => {
    const allowed = await Receiver.listen('127.0.0.2');
    const secret = await Receiver.listen('127.0.0.1', allowed.port);
    const names = await nameServer(['127.0.0.2'], ['127.0.0.1']);
    try {
      expect(await sendTo(`http://hooks.example:${allowed.port}/`, { addresses: ['127.0.0.2/32'] }, names.resolve)).toBe(200);
      expect([allowed.received.length, secret.connections, names.asked()]).toEqual([1, 0, 1]);
      // The second answer is looked at like the first.
      expect(await sendTo(`http://hooks.example:${allowed.port}/`, { addresses: ['127.0.0.2/32'] }, names.resolve)).toBe('address-refused');
      expect([allowed.connections, secret.connections]).toEqual([1, 0]);
    } finally {
      for (const each of [allowed, secret, names]) each.close();
    }
  });
});

describe('an address that is allowed', () => {
  it.each([
    ['by its address', '127.0.0.1', { addresses: ['127.0.0.1'] }],
    ['by its network', '127.9.8.7', { addresses: ['127.0.0.0/8'] }],
    ['in another notation', '0x7f.1', { addresses: ['127.0.0.1/32'] }],
    ['mapped into IPv6', '[::ffff:127.0.0.1]', { addresses: ['127.0.0.1'] }],
    ['by its IPv6 address', '[::1]', { addresses: ['0:0:0:0:0:0:0:1'] }],
    ['by the name of its host', 'localhost', { hosts: ['localhost'] }],
    ['by the name of its host, written otherwise', 'LOCALHOST.', { hosts: ['localhost'] }],
  ])('is sent to %s', async (_what, host, allow) => {
    const before = anywhere.received.length;
    expect(await sendTo(`http://${host}:${anywhere.port}/`, allow)).toBe(200);
    expect(anywhere.received.length).toBe(before + 1);
  });

  it('is no other one', async () => {
    const before = anywhere.connections;
    expect(await sendTo(`http://127.0.0.2:${anywhere.port}/`, { addresses: ['127.0.0.1', '10.0.0.0/8', '::/0'] })).toBe('address-refused');
    expect(await sendTo(`http://127.0.0.1:${anywhere.port}/`, { hosts: ['localhost'] })).toBe('address-refused');
    // A name that is allowed may be private, but not where clouds keep their secrets.
    const metadata: Resolve = () => Promise.resolve([{ address: '169.254.169.254', family: 4 }]);
    expect(await sendTo('http://intern.example/', { hosts: ['intern.example'] }, metadata)).toBe('address-refused');
    expect(anywhere.connections).toBe(before);
  });
});
