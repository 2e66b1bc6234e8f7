import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headBytes, isLeft, mayBeLeft } from '../../../playbooks/acquisition/taking/selection.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { pathName } from '../../../playbooks/domain/path-name.js';

const change = (path: string, more: Partial<Change> = {}): Change => ({
  container: 'web',
  containerId: 'c'.repeat(64),
  place: { kind: 'rootfs' },
  path: pathName(Buffer.from(path, 'latin1')),
  kind: 'added',
  type: 'file',
  mode: '0644',
  size: 1000,
  origin: 'container',
  method: 'overlay',
  ...more,
});

const head = (start: string): Buffer => Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(headBytes, 0xee)]).subarray(0, headBytes);
const png = head('\x89PNG\r\n\x1a\n\0\0\0\rIHDR');
const log = Buffer.from('2026-11-25T10:00:00Z GET /index.html 200 - a line of a log file..\n'.slice(0, headBytes));

describe('what may stay on the node', () => {
  it.each<[string, Buffer]>([
    ['opt/app/logo.png', png],
    ['opt/app/photo.JPG', head('\xff\xd8\xff\xe0')],
    ['opt/app/a.gif', head('GIF89a')],
    ['opt/app/a.webp', head('RIFF1234WEBPVP8L')],
    ['usr/share/fonts/a.woff2', head('wOF2')],
    ['usr/share/fonts/a.ttf', head('\0\x01\0\0')],
    ['opt/app/a.mp4', head('\0\0\0\x18ftypisom')],
    ['opt/app/a.webm', head('\x1aE\xdf\xa3')],
    ['opt/app/a.mp3', head('ID3\x04')],
    ['var/log/app.log', log],
    ['var/log/nginx/access.log.1', log],
  ])('is %s, by its name and its first bytes', (path, bytes) => {
    expect(isLeft(change(path), bytes)).toBe(true);
    expect(isLeft(change(path), undefined)).toBe(false);
    expect(isLeft(change(path), head('\x7fELF'))).toBe(false);
  });

  it.each<[string, Change, Buffer]>([
    ['can be executed', change('opt/a.png', { mode: '0755' }), png],
    ['is setuid', change('opt/a.png', { mode: '4644' }), png],
    ['has capabilities', change('opt/a.png', { capabilities: 'cap_net_raw=ep' }), png],
    ['has no mode in the listing', change('opt/a.png', { mode: undefined }), png],
    ['is too short to be looked at', change('opt/a.png', { size: headBytes - 1 }), png],
    ['lies where a web server serves', change('var/www/html/a.png'), png],
    [
      'lies in a volume where a web server serves',
      change('a.png', { place: { kind: 'volume', volume: 'v', mountPath: '/usr/share/nginx/html' } }),
      png,
    ],
    ['lies where intruders put things', change('tmp/a.png'), png],
    ['is hidden', change('opt/.a.png'), png],
    ['lies in a hidden directory', change('opt/.cache/a.png'), png],
    ['has another name than its content', change('opt/a.bin'), png],
    ['has other content than its name', change('opt/a.png'), head('GIF89a')],
    ['has code in its head', change('opt/a.gif'), head('GIF89a<?php system($_GET[1]);')],
    ['is a configuration', change('etc/app/a.png'), png],
    ['is no log of plain text', change('var/log/app.log'), head('abc')],
    ['is a script that is called a log', change('var/log/app.log'), Buffer.from('#!/bin/sh\n'.padEnd(headBytes, 'x'))],
    ['is a log elsewhere', change('opt/app.log'), log],
  ])('is nothing that %s', (_, row, bytes) => {
    expect(isLeft(row, bytes)).toBe(false);
  });

  it('is a log in a volume that is mounted at var/log', () => {
    expect(isLeft(change('app.log', { place: { kind: 'volume', volume: 'logs', mountPath: '/var/log/' } }), log)).toBe(true);
  });

  it('is never what runs, whatever its name and its first bytes', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    const ending = fc.constantFrom('', '.png', '.gif', '.log', '.mp3', '.php', '.sh', '.so');
    const mode = fc.constantFrom('0644', '0755', '0100', '4644', '0001');
    const start = fc.constantFrom('\x7fELF', '#!/bin/sh', '<?php ', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'GIF89a', '');
    fc.assert(
      fc.property(name, ending, mode, start, (path, end, bits, first) => {
        const row = change(path + end, { mode: bits });
        const runs = (Number.parseInt(bits, 8) & 0o7111) !== 0 || ['.php', '.sh', '.so'].includes(end) || /^(\x7fELF|#!|<\?)/.test(first);
        if (runs) expect(isLeft(row, head(first))).toBe(false);
        if (isLeft(row, head(first))) expect(mayBeLeft(row)).toBe(true);
      }),
    );
  });
});
