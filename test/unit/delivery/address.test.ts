import fc from 'fast-check';
import { expect, it } from 'vitest';
import { noEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { whyRefused } from '../../../workers/adapters/delivery/address.js';

const none = noEndpoints.allow;
const host = 'hooks.example';
const ipv4 = fc.ipV4();

/** The last 32 bits of an IPv6 address. */
function tail(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

it('takes an address that is mapped into IPv6 for what it stands for', () => {
  fc.assert(
    fc.property(ipv4, (address) => {
      expect(whyRefused(`::ffff:${address}`, host, none)).toEqual(whyRefused(address, host, none));
      expect(whyRefused(`::ffff:${tail(address)}`, host, none)).toEqual(whyRefused(address, host, none));
    }),
  );
});

it('refuses every address that a translator, a tunnel or an old notation could bring to another one', () => {
  fc.assert(
    fc.property(ipv4, (address) => {
      for (const wrapped of [
        `64:ff9b::${tail(address)}`,
        `64:ff9b:1::${tail(address)}`,
        `2002:${tail(address)}::1`,
        `::${tail(address)}`,
        `2001::${tail(address)}`,
      ])
        expect([wrapped, whyRefused(wrapped, host, none)]).toEqual([wrapped, expect.any(String)]);
    }),
  );
});

it('refuses whatever begins as private addresses do, and lets the rest of the network of an allowed one alone', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      fc.constantFrom('10', '127', '0', '192.168', '169.254', '172.20', '100.64', '198.18', '224', '250'),
      byte,
      byte,
      byte,
      (start, ...rest) => {
        const address = [...start.split('.'), ...rest].slice(0, 4).join('.');
        expect(whyRefused(address, host, none)).toEqual(expect.any(String));
        expect(whyRefused(address, host, { ...none, addresses: [address] })).toBeUndefined();
        expect(whyRefused(address, host, { ...none, addresses: [`${address}/32`] })).toBeUndefined();
        expect(whyRefused(address, host, { ...none, addresses: ['203.0.113.0/24', '::/0'] })).toEqual(expect.any(String));
      },
    ),
  );
});

it('lets public addresses through, and nothing that is none', () => {
  for (const address of ['1.1.1.1', '8.8.8.8', '2606:4700:4700::1111', '::ffff:8.8.8.8']) expect(whyRefused(address, host, none)).toBeUndefined();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.domain()), (text) => {
      expect(whyRefused(text, host, none)).toEqual(expect.any(String));
    }),
  );
});
