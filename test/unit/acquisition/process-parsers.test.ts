import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cgroupPattern } from '../../../playbooks/acquisition/node/cgroup.js';
import { majorMinor } from '../../../playbooks/acquisition/processes/process-executable.js';
import { parseHashes } from '../../../playbooks/acquisition/processes/process-hash.js';
import { readSections } from '../../../playbooks/acquisition/processes/process-script.js';
import { endText, ipv6Text, parseTable } from '../../../playbooks/acquisition/processes/process-sockets.js';
import { linesByFile, parseStat, parseStatus, splitArguments, startTime } from '../../../playbooks/acquisition/processes/process-stat.js';
import { linkTexts } from '../../../playbooks/acquisition/processes/process-survey.js';
import { TriageError } from '../../../playbooks/domain/error.js';

/** Any bytes of a text of the kernel that ends with NUL. */
const text = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 1 : byte))));

function statLine(name: Buffer, state = 'S', parent = 7, start = '166224'): Buffer {
  const numbers = `${state} ${parent} 14557 14557 0 -1 4194560 1407 0 9 0 1 2 0 0 20 0 1 0 ${start} 10502144 1653 18446744073709551615 0 0`;
  return Buffer.concat([Buffer.from('12 ('), name, Buffer.from(`) ${numbers}`)]);
}

describe('parseStat', () => {
  it.each([
    ['nginx'],
    ['a) R 1 ('],
    ['a) R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 99 '],
    ['two words'],
    ['line\nend'],
    ['()'],
    [')'],
    [''],
    ['\x1b[2J'],
  ])('takes the name %j as a name, and the numbers after it as those of the kernel', (name) => {
    expect(parseStat(statLine(Buffer.from(name)))).toEqual({ name: Buffer.from(name), zombie: false, parent: 7, startTicks: '166224' });
  });

  it('is not misled by any name', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(), (name, parent, start) => {
        expect(parseStat(statLine(name, 'R', parent, String(start)))).toEqual({ name, zombie: false, parent, startTicks: String(start) });
      }),
    );
  });

  it('knows a process that has ended', () => {
    expect(parseStat(statLine(Buffer.from('x'), 'Z'))?.zombie).toBe(true);
  });

  it('has no answer for what is no stat line, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => parseStat(Buffer.from(bytes)) === undefined));
  });
});

describe('linesByFile', () => {
  const printed = (files: readonly (readonly [string, Buffer])[]) =>
    Buffer.concat(
      files.flatMap(([name, content]) => splitLines(content).flatMap((line) => [Buffer.from(name), Buffer.from([0]), line, Buffer.from('\n')])),
    );

  it('puts the lines of each file together again, line ends and all', () => {
    const names = fc.uniqueArray(
      fc.nat().map((pid) => `${pid}/stat`),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(names, fc.array(text, { minLength: 5, maxLength: 5 }), (files, contents) => {
        const wanted = files.map((name, index) => [name, contents[index] ?? Buffer.alloc(0)] as const);
        expect([...linesByFile(printed(wanted))]).toEqual(wanted);
      }),
    );
  });

  it('takes a line of a name that looks like another file for what it is', () => {
    const forged = Buffer.from('x\n99/stat');
    expect([...linesByFile(printed([['1/stat', forged]]))]).toEqual([['1/stat', forged]]);
  });

  it('leaves out a line that was cut', () => {
    expect(linesByFile(Buffer.from('1/stat\0abc')).size).toBe(0);
  });
});

function splitLines(content: Buffer): Buffer[] {
  return content
    .toString('latin1')
    .split('\n')
    .map((line) => Buffer.from(line, 'latin1'));
}

describe('parseStatus', () => {
  it('takes the effective uid and the pid of the innermost namespace', () => {
    expect(parseStatus('Uid:\t0\t2352414753\t0\t0\nNSpid:\t14591\t8\t1')).toEqual({ uid: 2352414753, containerPid: 1 });
    expect(parseStatus('Uid:\t33\t33\t33\t33\nNSpid:\t14591')).toEqual({ uid: 33 });
    expect(parseStatus('')).toEqual({});
  });
});

describe('startTime', () => {
  it('adds the ticks to the boot', () => {
    expect(startTime('166224', 1_795_678_886, 100)).toBe('2026-11-26T08:09:08.240Z');
  });

  it('is always a time', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ticks) => !Number.isNaN(Date.parse(startTime(String(ticks), 0, 100)))));
  });
});

describe('splitArguments', () => {
  it('gives back each argument as it stands, empty ones too', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 10 }), (parts) => {
        const data = Buffer.concat(parts.flatMap((part) => [part, Buffer.from([0])]));
        expect(splitArguments(data, data.length)).toEqual({ parts, cut: false });
      }),
    );
  });

  it('says when there was more, and keeps what was cut', () => {
    expect(splitArguments(Buffer.from('ab\0cdef\0'), 5)).toEqual({ parts: [Buffer.from('ab'), Buffer.from('cd')], cut: true });
  });

  it('keeps a title without an end', () => {
    expect(splitArguments(Buffer.from('nginx: master'), 100)).toEqual({ parts: [Buffer.from('nginx: master')], cut: false });
  });
});

describe('linkTexts', () => {
  it('gives back any text of a link', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), (links) => {
        const data = Buffer.concat(links.flatMap((link, index) => [Buffer.from(`${index}/exe\0`), link, Buffer.from([0])]));
        expect([...linkTexts(data)]).toEqual(links.map((link, index) => [`${index}/exe`, link]));
      }),
    );
  });

  it('leaves out a pair that was cut', () => {
    expect([...linkTexts(Buffer.from('1/exe\0/bin/sh\x002/exe\0/bin'))]).toEqual([['1/exe', Buffer.from('/bin/sh')]]);
  });
});

describe('a table of sockets', () => {
  it.each([
    ['0100007F:1F90', '127.0.0.1:8080'],
    ['00000000:0016', '0.0.0.0:22'],
    ['00000000000000000000000000000000:115C', '[::]:4444'],
    ['00000000000000000000000001000000:0050', '[::1]:80'],
    ['B80D01200000000067452301EFCDAB89:0001', '[2001:db8::123:4567:89ab:cdef]:1'],
    ['0000000000000000FFFF00000101A8C0:01BB', '[::ffff:192.168.1.1]:443'],
  ])('has %s for %s', (hex, shown) => {
    expect(endText(hex)).toBe(shown);
  });

  it('writes every IPv6 address so that it reads back as the same', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }), (bytes) => {
        const { hostname } = new URL(`http://[${ipv6Text(bytes)}]/`);
        expect(hostname.slice(1, -1)).toBe(urlText(bytes));
      }),
    );
  });

  it('names states as the kernel does, and leaves out a line that was cut', () => {
    const rows = parseTable('tcp', '0100007F:1F90 00000000:0000 0A 83683\n0100007F:1F90 0200007F:C001 01 83684\n0100007F:1F90 0200007F:C002 01 8');
    expect(rows).toEqual([
      { inode: '83683', socket: { protocol: 'tcp', state: 'LISTEN', local: '127.0.0.1:8080', remote: '0.0.0.0:0' } },
      { inode: '83684', socket: { protocol: 'tcp', state: 'ESTABLISHED', local: '127.0.0.1:8080', remote: '127.0.0.2:49153' } },
    ]);
  });

  it('decodes every IPv4 end', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, octet, octet, fc.integer({ min: 0, max: 65_535 }), (a, b, c, d, port) => {
        const hex = Buffer.from([d, c, b, a]).toString('hex').toUpperCase();
        expect(endText(`${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`)).toBe(`${a}.${b}.${c}.${d}:${port}`);
      }),
    );
  });
});

/** The same address as the URL parser, which knows no dotted form, writes it. */
function urlText(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

describe('readSections', () => {
  it('gives back the bytes of each section, however the answer is cut to pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), async (values, size) => {
        const wanted = values.map((value, index) => [`arguments.${index}`, Buffer.from(value)] as const);
        const data = Buffer.from(wanted.map(([name, value]) => `${name} ${value.toString('base64')}\n`).join(''));
        const sections = new Map<string, Buffer>();
        await readSections(pieces(data, size), sections);
        expect([...sections]).toEqual(wanted);
      }),
    );
  });

  it('leaves out a section that was cut', async () => {
    const sections = new Map<string, Buffer>();
    await readSections(pieces(Buffer.from('a YQ==\nb Yg'), 3), sections);
    expect([...sections.keys()]).toEqual(['a']);
  });
});

async function* pieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield await Promise.resolve(data.subarray(at, at + size));
}

describe('cgroupPattern', () => {
  const id = 'a'.repeat(64);

  it.each([
    [`/kubepods/besteffort/pod1/${id}`, true],
    [`/kubepods/besteffort/pod1/${id}/sub/cgroup`, true],
    [`/kubepods.slice/cri-containerd-${id}.scope`, true],
    [`/kubepods.slice/crio-${id}.scope/init`, true],
    [`/kubepods.slice/crio-conmon-${id}.scope`, false],
    [`/kubepods/x${id}`, false],
    [`/kubepods/${id}x`, false],
  ])('says of %s: %s', (path, fits) => {
    expect(new RegExp(cgroupPattern([id, 'b'.repeat(64)])).test(`8:pids:${path}`)).toBe(fits);
  });

  it('takes nothing that is no id', () => {
    expect(() => cgroupPattern(['.*'])).toThrow(TriageError);
    expect(() => cgroupPattern([])).toThrow(TriageError);
  });
});

describe('parseHashes', () => {
  const sha256 = 'c'.repeat(64);

  it('takes hashes, and the words for what has none', () => {
    const answers = parseHashes(`1:2 34 1795646617.123456789 hf0VMRg== ${sha256}\n3:4 gone\n5:6 other\n7:8 unreadable\n9:9 0 1.0 h ${sha256}\n`);
    expect([...answers]).toEqual([
      ['1:2', { sha256, size: 34, ctime: '1795646617.123456789', head: Buffer.from('\x7fELF', 'latin1') }],
      ['3:4', 'gone'],
      ['5:6', 'other'],
      ['7:8', 'unreadable'],
      ['9:9', { sha256, size: 0, ctime: '1.0', head: Buffer.alloc(0) }],
    ]);
  });

  it('refuses anything else', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((line) => line.trim() !== ''),
        (line) => {
          expect(() => parseHashes(line)).toThrow(TriageError);
        },
      ),
    );
  });
});

describe('majorMinor', () => {
  it.each([
    [1n, '0:1'],
    [137n, '0:137'],
    [65_024n, '254:0'],
    [1_048_576n, '0:256'],
    [(300n << 8n) | 5n | ((2n << 12n) << 8n), '300:517'],
  ])('of %s is %s', (device, shown) => {
    expect(majorMinor(device)).toBe(shown);
  });
});
