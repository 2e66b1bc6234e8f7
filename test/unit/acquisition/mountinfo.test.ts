import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMountinfo, parseOverlayOptions, unescapeOctal } from '../../../playbooks/acquisition/node/mountinfo.js';

const line = '147 79 0:52 / /run/x/rootfs rw,relatime shared:1 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/up,workdir=/w';

/** What the kernel does to paths in mountinfo (fs/proc_namespace.c, mangle). */
function kernelEscape(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

describe('parseMountinfo', () => {
  it('reads device, root, mount point, type and super options', () => {
    expect(parseMountinfo(`${line}\n`)).toEqual([
      {
        id: 147,
        device: '0:52',
        root: '/',
        mountPoint: '/run/x/rootfs',
        options: ['rw', 'relatime'],
        type: 'overlay',
        source: 'overlay',
        superOptions: 'rw,lowerdir=/l1:/l2,upperdir=/up,workdir=/w',
      },
    ]);
  });

  it('decodes escaped spaces, tabs, newlines and backslashes in paths', () => {
    const [mount] = parseMountinfo('1 2 254:0 /a\\040b /s\\011p\\134x rw - ext4 /dev/vda rw');
    expect(mount).toMatchObject({ root: '/a b', mountPoint: '/s\tp\\x' });
  });

  it('leaves out lines of another shape', () => {
    expect(parseMountinfo('nonsense\n\n1 2 3\n')).toEqual([]);
  });

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseMountinfo(text))));
  });

  it('says of a root that was removed that it is, and takes no name for that mark', () => {
    const roots = ['254:0 /pods/x//deleted', '254:0 /pods/x\\040//deleted', '254:0 /pods/deleted'];
    const mounts = parseMountinfo(roots.map((each) => `1 2 ${each} /d ro,noatime - ext4 /dev/vda rw`).join('\n'));
    expect(mounts.map(({ root }) => root)).toEqual(['/pods/x//deleted', '/pods/x //deleted', '/pods/deleted']);
    expect(mounts[0]?.options).toEqual(['ro', 'noatime']);
  });

  it('gives back root and mount point as they are, whatever bytes the suspect has put into them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1 }), (root, point) => {
        const text = `12 1 0:7 /${kernelEscape(root)} /${kernelEscape(point)} rw shared:3 - tmpfs tmpfs rw\n`;
        expect(parseMountinfo(text)).toMatchObject([{ id: 12, device: '0:7', root: `/${root}`, mountPoint: `/${point}`, type: 'tmpfs' }]);
      }),
    );
  });

  it('makes at most one mount of a line, and none of a line that was cut before its end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: line.length - ' rw,lowerdir=/l1:/l2,upperdir=/up,workdir=/w'.length }), (at) => {
        expect(parseMountinfo(line.slice(0, at))).toEqual([]);
        expect(parseMountinfo(`${line}\n${line.slice(0, at)}`)).toHaveLength(1);
      }),
    );
  });
});

describe('unescapeOctal', () => {
  it('gives back what the kernel escaped', () => {
    const escape = (text: string) => text.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => unescapeOctal(escape(text)) === Buffer.from(text, 'utf8').toString('utf8')));
  });
});

describe('parseOverlayOptions', () => {
  it('reads layers in order, topmost first', () => {
    expect(parseOverlayOptions('rw,lowerdir=/l1:/l2,upperdir=/up,workdir=/w')).toEqual({
      upper: '/up',
      lowers: ['/l1', '/l2'],
      metacopy: false,
      userxattr: false,
    });
  });

  it('reads one lowerdir+ a layer, as the new mount interface prints them', () => {
    expect(parseOverlayOptions('rw,lowerdir+=/l1,lowerdir+=/l2,upperdir=/up,metacopy=on,userxattr')).toEqual({
      upper: '/up',
      lowers: ['/l1', '/l2'],
      metacopy: true,
      userxattr: true,
    });
  });

  it('decodes an escaped comma after splitting at commas', () => {
    expect(parseOverlayOptions('rw,lowerdir=/a\\054b,upperdir=/u\\040p')?.lowers).toEqual(['/a,b']);
  });

  it('refuses a path with a backslash left, and a mount without upper directory', () => {
    expect(parseOverlayOptions('rw,lowerdir=/l,upperdir=/u\\134:x')).toBeUndefined();
    expect(parseOverlayOptions('ro,lowerdir=/l1:/l2')).toBeUndefined();
  });
});
