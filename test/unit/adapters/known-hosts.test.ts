import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { knownHost } from '../../../workers/adapters/node/known-hosts.js';

function key(type: string, filler = 1): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return `${type} ${Buffer.concat([length, Buffer.from(type), Buffer.alloc(32, filler)]).toString('base64')}`;
}
const ed = key('ssh-ed25519');
const types = (text: string, name = 'node-a', port = 22): string[] => knownHost(text, name, port).keys.map(({ type }) => type);

describe('a host is found', () => {
  test('by its name, with all its keys and in all its lines', () => {
    expect(types(`# comment\n\nnode-a ${ed} a comment\nnode-b ${key('ssh-rsa')}\nother,node-a\t${key('ecdsa-sha2-nistp256')}\r\n`)).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
    ]);
  });

  test('by a hashed name', () => {
    const salt = Buffer.alloc(20, 3);
    const hash = createHmac('sha1', salt).update('node-a').digest('base64');
    expect(types(`|1|${salt.toString('base64')}|${hash} ${ed}`)).toEqual(['ssh-ed25519']);
    expect(types(`|1|${salt.toString('base64')}|${hash} ${ed}`, 'node-b')).toEqual([]);
  });

  test('by name and port where the port is not 22, or by name alone', () => {
    expect(types(`[node-a]:2222 ${ed}`, 'node-a', 2222)).toEqual(['ssh-ed25519']);
    expect(types(`[node-a]:2222 ${ed}`)).toEqual([]);
    expect(types(`node-a ${ed}`, 'node-a', 2222)).toEqual(['ssh-ed25519']);
  });

  test.each([
    ['node-*', true],
    ['node-?', true],
    ['node?', false],
    ['*,!node-a', false],
    ['!node-b,*', true],
    ['node.a', false],
    ['nod', false],
  ])('by the pattern %s: %s', (pattern, found) => {
    expect(types(`${pattern} ${ed}`).length > 0).toBe(found);
  });
});

test('a revoked key is no key, and a certificate authority is only noted', () => {
  const host = knownHost(`@revoked * ${ed}\n@cert-authority node-* ${key('ssh-rsa')}`, 'node-a', 22);
  expect(host.keys).toEqual([]);
  expect(host.revoked.map(({ type }) => type)).toEqual(['ssh-ed25519']);
  expect(host.authority).toBe(true);
});

test.each(['node-a', 'node-a ssh-ed25519', 'node-a ssh-ed25519 !!!', `node-a ssh-rsa ${ed.split(' ')[1]!}`, '@revoked', '|1|x node-a'])(
  'the line %j is passed over',
  (line) => {
    expect(types(`${line}\nnode-a ${ed}`)).toEqual(['ssh-ed25519']);
  },
);

test('no text makes it fail', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => Array.isArray(knownHost(text, 'node-a', 2222).keys)));
});
