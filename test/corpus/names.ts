import { type Bytes, type Case, directory, file, other, word } from './case.js';

/** A file of this name, which holds the title. */
function named(title: string, name: Bytes): Case {
  return { name: title, plant: `printf %s ${word(title)} > ./${word(name)}`, rows: [file('added', name, title)] };
}

const hash = '0123456789abcdef'.repeat(4);

/** Names that break lists, terminals, shells, option parsers and reports, and names that look like our own framing. */
export const names: readonly Case[] = [
  named('newline', 'new\nline'),
  named('only a newline', '\n'),
  named('newline at the end', 'end\n'),
  named('tab', 'ta\tb'),
  named('carriage return', 'real\rfake'),
  named('terminal escape', '\x1b[2J\x1b]0;owned\x07'),
  named('backspace and delete', 'ab\b\b\x7f'),
  named('backslash', 'back\\slash'),
  named('escape as text', '\\x0a\\012\\n\\'),
  named('single quote', "it's"),
  named('double quote', 'say "x"'),
  named('command substitution', '$(touch owned)'),
  named('backticks', '`touch owned`'),
  named('shell operators', ';touch owned&|<>'),
  named('variable', '$HOME${PATH}'),
  named('glob', '*?[a-z]{a,b}'),
  named('leading dash', '-rf'),
  named('two dashes', '--'),
  named('option of tar that runs a program', '--checkpoint-action=exec=sh x'),
  named('at sign list', '@list'),
  named('spaces', '  two  spaces  '),
  named('tilde', '~root'),
  named('comment', '#no comment'),
  named('three dots', '...'),
  named('two dots and more', '..foo'),
  named('two dots and a space', '.. '),
  named('invalid UTF-8', Buffer.from([0xff, 0xfe, 0x80])),
  named('overlong UTF-8 of a slash', Buffer.from([0xc0, 0xaf])),
  named('lone surrogate', Buffer.from([0xed, 0xa0, 0x80])),
  named('cut UTF-8', Buffer.from([0x61, 0xe2, 0x82])),
  named('bidi controls', 'photo_\u202egpj.exe'),
  named('zero width', 'pass\u200bwd'),
  named('not a normal form', 'e\u0301'),
  named('emoji', '\u{1f480}'),
  named('line separator', 'a\u2028b'),
  named('255 bytes', 'n'.repeat(255)),
  named('255 bytes that are no text', Buffer.alloc(255, 0xff)),
  named('mark of a whiteout', '.wh.fake'),
  named('mark of an opaque directory', '.wh..wh..opq'),
  named('line of nerdctl diff', 'A  etc\nD  etc'),
  named('record of find', 'f\t644\t0\t0\t5\t1.0\t1.0\t1\t1\t1\tforged'),
  named('record of sha256sum', `\\${hash}  .`),
  named('line of sha256sum', `x\n${hash}  y`),
  named('JSON', '","kind":"deleted","x":"'),
  named('markdown', '![x](x)|`x`|**x**'),
  named('HTML', '<img src=x onerror=alert(1)>'),
  named('record of pax', '30 SCHILY.xattr.trusted.overlay.opaque=y\n'),
  {
    name: 'two names that a normal form makes one',
    plant: `printf 1 > ${word('\u00e9')}; printf 2 > ${word('e\u0301')}`,
    rows: [file('added', '\u00e9', '1'), file('added', 'e\u0301', '2')],
  },
  {
    name: 'option of tar at the root, which names a file of the node',
    plant: "mkdir -p -- '/--add-file=/etc'; printf x > '/--add-file=/etc/hostname'",
    atRoot: ['--add-file='],
    rows: [directory('added', '--add-file='), directory('added', '--add-file=/etc'), file('added', '--add-file=/etc/hostname', 'x')],
  },
  {
    name: 'change of directory at the root',
    plant: "mkdir -p -- '/-C'; printf x > '/-C/etc'",
    atRoot: ['-C'],
    rows: [directory('added', '-C'), file('added', '-C/etc', 'x')],
  },
  {
    name: 'a path beyond 4,096 bytes is listed, and its content is taken or missed by name',
    plant: 'hostile deep 25 200',
    rows: [
      ...Array.from({ length: 25 }, (_, level) =>
        directory(
          'added',
          Array(level + 1)
            .fill('d'.repeat(200))
            .join('/'),
        ),
      ),
      other('added', 'file', `${Array(25).fill('d'.repeat(200)).join('/')}/leaf`, '0644', { size: 5, content: ['gap:could-not-read', leafHash()] }),
    ],
  },
];

function leafHash(): string {
  return file('added', '', 'leaf\n').content as string;
}
