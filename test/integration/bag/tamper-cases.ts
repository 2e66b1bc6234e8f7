import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import { canonical } from '../../../playbooks/domain/canonical.js';
import { type CustodyEntry, sha256Hex } from '../../../playbooks/domain/custody.js';
import { type Attacker, forgerKey, signed, unsigned } from './attacker.js';

/** Where it must be found: one of these places. */
export interface Found {
  readonly file: string;
  readonly seq?: number;
}

/** One way to tamper with a bag. */
export interface TamperCase {
  readonly name: string;
  readonly found: readonly Found[];
  tamper(this: void, attacker: Attacker): void | Promise<void>;
}

/** What only the signed digest of all contents can tell. */
const contents: Found = { file: tagFiles.manifest };

/** A bit, the same at every time for the same file. */
function bitOf(file: string, size: number, salt: number): number {
  return Number.parseInt(sha256Hex(`${file} ${salt}`).slice(0, 12), 16) % (8 * size);
}

/** A flipped bit in every file, as it happens to a disk, or by who also makes the manifests anew. */
export function* flippedBits(base: Attacker): Generator<TamperCase> {
  for (const [salt, file] of base.files().entries()) {
    const size = base.read(file).length;
    if (size === 0) continue;
    // What is said of its size is made anew with the manifests.
    const bit = bitOf(file, file === tagFiles.info ? base.read(file).indexOf('Payload-Oxum') : size, salt);
    const flip = (attacker: Attacker): void => attacker.flip(file, bit);
    yield { name: `a bit of ${file}`, found: [{ file }], tamper: flip };
    if (file === tagFiles.manifest || file === tagFiles.tagManifest) continue;
    yield {
      name: `a bit of ${file}, manifests made anew`,
      found: [{ file }, contents],
      tamper(attacker) {
        flip(attacker);
        attacker.cover();
      },
    };
  }
}

/** What can be done to a chain by who cannot sign; the manifests are made anew. */
export function* chainEdits(base: Attacker): Generator<TamperCase> {
  const { length } = base.chain();
  const file = payloadFiles.custody;
  const places = [...new Set([0, 1, Math.floor(length / 3), Math.floor(length / 2), length - 3, length - 2, length - 1])];
  const lines = (name: string, seq: number, found: readonly Found[], change: (lines: string[]) => string[]): TamperCase => ({
    name: `${name} ${seq}`,
    found,
    tamper(attacker) {
      attacker.writeLines(file, change(attacker.lines(file)));
      attacker.cover();
    },
  });
  for (const seq of places) {
    const here = [{ file, seq }];
    yield lines('drop entry', seq, seq === length - 1 ? [{ file, seq: seq - 1 }] : here, (all) => all.filter((_, at) => at !== seq));
    yield lines('double entry', seq, [{ file, seq: seq + 1 }], (all) => all.flatMap((line, at) => (at === seq ? [line, line] : [line])));
    if (seq > 0)
      yield lines('swap entry with the one before', seq, [{ file, seq: seq - 1 }], (all) => {
        [all[seq - 1], all[seq]] = [all[seq] ?? '', all[seq - 1] ?? ''];
        return all;
      });
    const altered = (change: (entry: CustodyEntry) => CustodyEntry) => (all: string[]) =>
      all.map((line, at) => (at === seq ? canonical(change(JSON.parse(line) as CustodyEntry)) : line));
    yield lines(
      'another actor in entry',
      seq,
      here,
      altered((entry) => ({ ...entry, actor: 'somebody else' })),
    );
    yield lines(
      'another time in entry',
      seq,
      here,
      altered((entry) => ({ ...entry, at: '2020-01-01T00:00:00.000Z' })),
    );
    yield lines(
      'another signature on entry',
      seq,
      here,
      altered((entry) => ({ ...entry, sig: signed(entry, forgerKey()).sig })),
    );
    yield lines('another act, hashed and signed by a stranger, in entry', seq, here, (all) =>
      altered((entry) => reforged({ ...entry, act: 'step.skipped' }))(all),
    );
    yield lines('the signature of another entry on entry', seq, here, (all) =>
      altered((entry) => ({ ...entry, sig: (JSON.parse(all[seq === 0 ? 1 : 0] ?? '') as CustodyEntry).sig }))(all),
    );
    yield lines('a blank in entry', seq, here, (all) => all.map((line, at) => (at === seq ? line.replace('":', '": ') : line)));
    yield lines('cut the tail before entry', seq, seq === 0 ? [{ file }] : [{ file, seq: seq - 1 }, { file: payloadFiles.checkpoint }], (all) =>
      all.slice(0, seq),
    );
    yield lines('a new entry at', seq, here, (all) => {
      const [before, after] = [all[seq - 1], JSON.parse(all[seq] ?? '') as CustodyEntry];
      const prev = before === undefined ? '' : (JSON.parse(before) as CustodyEntry).hash;
      return [...all.slice(0, seq), canonical(reforged({ ...after, id: randomUUID(), prev })), ...all.slice(seq)];
    });
  }
  yield lines('an empty line after entry', length, [{ file, seq: length }], (all) => [...all, '']);
}

/** Hashed anew, and signed by a key that has the right name only. */
function reforged(entry: CustodyEntry): CustodyEntry {
  return signed(unsigned(entry), forgerKey(entry.by));
}

/** Files put on, taken away, exchanged; naively, and with manifests made anew. */
export function* fileEdits(base: Attacker): Generator<TamperCase> {
  const both = function* (name: string, found: readonly Found[], tamper: (attacker: Attacker) => void): Generator<TamperCase> {
    yield { name, found, tamper };
    yield { name: `${name}, manifests made anew`, found, tamper: covered(tamper) };
  };
  const foreign = `data/artifacts/${sha256Hex('planted')}`;
  for (const file of ['data/extra', 'data/artifacts/readme', 'extra.txt', 'fetch.txt', 'data/reports/1/report.exe', 'manifest-md5.txt', foreign])
    yield* both(`add ${file}`, file.startsWith('data/reports') ? [{ file }, { file: 'data/reports' }] : [{ file }], (attacker) =>
      attacker.write(file, 'planted'),
    );
  yield* both('add a folder', [{ file: 'data/more' }], (attacker) => mkdirSync(attacker.path('data/more')));
  for (const file of base.files()) {
    const gone: readonly Found[] = file.startsWith('data/artifacts/') ? [{ file }] : [{ file }, contents];
    yield { name: `remove ${file}`, found: [{ file }], tamper: (attacker) => attacker.remove(file) };
    if (file === tagFiles.manifest || file === tagFiles.tagManifest) continue;
    yield {
      name: `remove ${file} and its line`,
      found: gone,
      tamper(attacker) {
        attacker.remove(file);
        attacker.cover();
      },
    };
    if (!file.startsWith('data/')) continue;
    yield {
      name: `remove the line of ${file}`,
      found: [{ file }],
      tamper(attacker) {
        attacker.edit(tagFiles.manifest, (text) => text.replace(new RegExp(`^.*  ${file}\\n`, 'm'), ''));
        attacker.coverTags();
      },
    };
  }
  for (const file of [payloadFiles.json, payloadFiles.custody, tagFiles.info].filter((each) => base.has(each))) {
    yield {
      name: `a link in the place of ${file}`,
      found: [{ file }],
      tamper(attacker) {
        renameSync(attacker.path(file), `${attacker.folder}.moved`);
        symlinkSync(`${attacker.folder}.moved`, attacker.path(file));
      },
    };
  }
  yield {
    name: 'a planted link',
    found: [{ file: 'data/artifacts/link' }, { file: 'data/artifacts' }],
    tamper: (attacker) => planted(attacker, () => symlinkSync('/etc/passwd', attacker.path('data/artifacts/link'))),
  };
  yield { name: 'a FIFO', found: [{ file: 'data/report.json' }], tamper: (attacker) => fifo(attacker, 'data/report.json') };
  yield {
    name: 'a link in the place of data/',
    found: [{ file: 'data' }],
    tamper(attacker) {
      renameSync(attacker.path('data'), `${attacker.folder}.data`);
      symlinkSync(`${attacker.folder}.data`, attacker.path('data'));
    },
  };
}

/** The same, with the manifests made anew. */
function covered(tamper: (attacker: Attacker) => void): (attacker: Attacker) => void {
  return (attacker) => {
    tamper(attacker);
    attacker.cover();
  };
}

function planted(attacker: Attacker, plant: () => void): void {
  mkdirSync(attacker.path('data/artifacts'), { recursive: true });
  plant();
}

function fifo(attacker: Attacker, file: string): void {
  if (attacker.has(file)) attacker.remove(file);
  execFileSync('mkfifo', [attacker.path(file)]);
}

/** Two artifacts of a plain bag change places, or content. */
export function* artifactEdits(base: Attacker): Generator<TamperCase> {
  const [a = '', b = ''] = base.files().filter((file) => file.startsWith('data/artifacts/'));
  const [bytesA, bytesB] = [base.read(a), base.read(b)];
  const swap = (attacker: Attacker): void => {
    attacker.write(a, bytesB);
    attacker.write(b, bytesA);
  };
  yield { name: 'swap two artifacts', found: [{ file: a }], tamper: swap };
  yield { name: 'swap two artifacts, manifests made anew', found: [{ file: a }], tamper: covered(swap) };
  yield {
    name: 'append to an artifact',
    found: [{ file: a }],
    tamper: covered((attacker) => attacker.write(a, Buffer.concat([bytesA, bytesB]))),
  };
  yield { name: 'empty an artifact', found: [{ file: a }], tamper: covered((attacker) => attacker.write(a, '')) };
  yield {
    name: 'another artifact under its own hash',
    found: [{ file: a }],
    tamper(attacker) {
      attacker.remove(a);
      attacker.write(`data/artifacts/${sha256Hex('clean')}`, 'clean');
      attacker.cover();
    },
  };
  yield {
    name: 'an artifact called missing',
    found: [{ file: payloadFiles.missing }],
    tamper(attacker) {
      attacker.remove(a);
      attacker.write(payloadFiles.missing, JSON.stringify([{ sha256: a.slice(-64), subject: 'x', why: 'destroyed' }]));
      attacker.cover();
    },
  };
}

/** Records and reports, with the manifests made anew. */
export function* recordEdits(base: Attacker): Generator<TamperCase> {
  const edited = (name: string, file: string, tamper: (attacker: Attacker) => void): TamperCase => ({
    name,
    found: [{ file }],
    tamper: covered(tamper),
  });
  for (const file of [payloadFiles.steps, payloadFiles.artifacts, payloadFiles.lookups, payloadFiles.amendments, payloadFiles.register].filter(
    (each) => base.lines(each).length > 0,
  )) {
    const [first = '', ...rest] = base.lines(file);
    yield edited(`drop a line of ${file}`, file, (attacker) => attacker.writeLines(file, rest));
    yield edited(`double a line of ${file}`, file, (attacker) => attacker.writeLines(file, [first, first, ...rest]));
    yield edited(`empty ${file}`, file, (attacker) => attacker.write(file, ''));
    yield edited(`no line feed at the end of ${file}`, file, (attacker) => attacker.write(file, attacker.read(file).subarray(0, -1)));
    yield edited(`a carriage return in ${file}`, file, (attacker) => attacker.edit(file, (text) => text.replace('\n', '\r\n')));
    yield edited(`a foreign line in ${file}`, file, (attacker) =>
      attacker.writeLines(file, [first, ...rest, first.replace(/[0-9a-f]{12}/, '0'.repeat(12))]),
    );
    yield edited(`a number in ${file}`, file, (attacker) =>
      attacker.edit(file, (text) => text.replace(/[0-9]/, (digit) => String((Number(digit) + 1) % 10))),
    );
  }
  for (const file of [payloadFiles.json, payloadFiles.markdown, payloadFiles.html, payloadFiles.timeline].filter((each) => base.has(each))) {
    yield edited(`an edited ${file}`, file, (attacker) => attacker.edit(file, (text) => text.replace(/e/, 'E')));
    yield edited(`an emptied ${file}`, file, (attacker) => attacker.write(file, ''));
  }
  yield edited('another verdict in the report', payloadFiles.json, (attacker) =>
    attacker.edit(payloadFiles.json, (text) => text.replace(/"level": "[a-z-]+"/, '"level": "no-findings!"')),
  );
  for (const label of ['External-Identifier', 'Podtriage-Target', 'Bagging-Date'])
    yield edited(`another ${label}`, tagFiles.info, (attacker) =>
      attacker.edit(tagFiles.info, (text) => text.replace(new RegExp(`^${label}: .*$`, 'm'), `${label}: 2001-01-01`)),
    );
  yield edited('a date that is none', tagFiles.info, (attacker) =>
    attacker.edit(tagFiles.info, (text) => text.replace(/^Bagging-Date: .*$/m, 'Bagging-Date: 2026-13-45')),
  );
  yield edited('another examiner', tagFiles.info, (attacker) => attacker.edit(tagFiles.info, (text) => `Podtriage-Examiner: mallory\n${text}`));
  yield edited('a register line by a stranger', payloadFiles.register, (attacker) =>
    attacker.writeLines(
      payloadFiles.register,
      attacker.lines(payloadFiles.register).map((line, at) => (at === 0 ? canonical(reforged(JSON.parse(line) as CustodyEntry)) : line)),
    ),
  );
}
