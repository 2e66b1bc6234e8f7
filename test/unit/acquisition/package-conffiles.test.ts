import { describe, expect, it } from 'vitest';
import { Claims } from '../../../playbooks/acquisition/packages/claims.js';
import { StatusReader } from '../../../playbooks/acquisition/packages/dpkg.js';

const digest = 'd41d8cd98f00b204e9800998ecf8427e';

describe('configuration of dpkg', () => {
  const claimsOf = (...all: string[]): Claims => {
    const claims = new Claims('dpkg');
    const reader = new StatusReader(claims);
    for (const each of all) reader.take(each);
    return claims;
  };

  it.each(['', ' obsolete', ' remove-on-upgrade', ' remove-on-upgrade obsolete'])('has the sum of the packaged version%s', (flags) => {
    const claims = claimsOf('Package: cron', 'Architecture: amd64', 'Version: 3', ` /etc/a b ${digest}${flags}`);
    expect(claims.at('etc/a b')).toEqual({ package: 'cron', version: '3', algorithm: 'md5', digest, conffile: true });
    expect(claims.unreadable).toBe(0);
  });

  it.each([` /etc/x ${digest} stale`, ` etc/x ${digest}`, ` /etc/x ${digest}0`, ' /etc/x', ' '])('is not in %j', (text) => {
    const claims = claimsOf('Package: cron', text);
    expect(claims.at('etc/x')).toBeUndefined();
    expect(claims.unreadable).toBe(1);
  });

  it.each([true, false])('that a package once had is what another says that has it now (in this order: %s)', (isFirst) => {
    const old = ['Package: old', ` /etc/x ${'0'.repeat(32)} obsolete`];
    const now = ['Package: now', ` /etc/x ${digest}`];
    const claims = claimsOf(...(isFirst ? [...old, ...now] : [...now, ...old]));
    expect(claims.at('etc/x')).toMatchObject({ package: 'now', digest });
    expect(claims.disputed).toBe(0);
  });

  it('that two packages differ about is not believed, whatever a third once had', () => {
    const claims = claimsOf('Package: a', ` /etc/x ${'0'.repeat(32)}`, 'Package: b', ` /etc/x ${digest}`, ` /etc/x ${digest} obsolete`);
    expect(claims.at('etc/x')).toBeUndefined();
    expect(claims.disputed).toBe(1);
  });
});
