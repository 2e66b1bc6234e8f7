import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCapabilities } from '../../../playbooks/acquisition/changes/capabilities.js';

/** `struct vfs_cap_data` (linux/capability.h): little endian words. */
function data(...words: number[]): Buffer {
  const buffer = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) buffer.writeUInt32LE(word >>> 0, index * 4);
  return buffer;
}

const [v1, v2, v3, effective] = [0x01000000, 0x02000000, 0x03000000, 1];

describe('decodeCapabilities', () => {
  it.each<[string, Buffer, string | undefined]>([
    ['what ping has', data(v2 | effective, 1 << 13, 0, 0, 0), 'cap_net_raw=ep'],
    ['several', data(v2 | effective, (1 << 12) | (1 << 13), 0, 0, 0), 'cap_net_admin,cap_net_raw=ep'],
    ['permitted only', data(v2, 1 << 21, 0, 0, 0), 'cap_sys_admin=p'],
    ['inheritable ones apart', data(v2, 1, 2, 0, 0), 'cap_chown=p cap_dac_override=i'],
    ['those above 31', data(v2 | effective, 0, 0, 1 << (39 - 32), 0), 'cap_bpf=ep'],
    ['the newest', data(v2, 0, 0, 1 << (40 - 32), 1 << (40 - 32)), 'cap_checkpoint_restore=ip'],
    ['one that has no name yet', data(v2, 0, 0, 1 << 31, 0), '63=p'],
    ['revision 1', data(v1 | effective, 1 << 6, 0), 'cap_setgid=ep'],
    ['revision 3 with its root', data(v3 | effective, 1 << 13, 0, 0, 0, 100000), 'cap_net_raw=ep [rootid=100000]'],
    ['revision 3 of the first root', data(v3 | effective, 1 << 13, 0, 0, 0, 0), 'cap_net_raw=ep'],
    ['nothing granted', data(v2 | effective, 0, 0, 0, 0), ''],
    ['a wrong length', data(v2, 1, 0, 0), undefined],
    ['an unknown revision', data(0x04000000, 1, 0, 0, 0), undefined],
  ])('reads %s', (_, bytes, expected) => {
    expect(decodeCapabilities(bytes)).toBe(expected);
  });

  it('names each bit once, in one of the sets it is in, and never fails', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.boolean(), word, word, word, word, (on, p0, i0, p1, i1) => {
        const text = decodeCapabilities(data(v2 | (on ? 1 : 0), p0, i0, p1, i1)) ?? 'refused';
        const bits = (BigInt(p0 | i0) & 0xffffffffn).toString(2) + (BigInt(p1 | i1) & 0xffffffffn).toString(2);
        const named = text
          .split(' ')
          .flatMap((group) => group.replace(/=.*/, '').split(','))
          .filter((one) => one !== '');
        expect(named.length).toBe(bits.replaceAll('0', '').length);
        expect(new Set(named).size).toBe(named.length);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => void decodeCapabilities(Buffer.from(bytes))));
  });
});
