import { bagFolder, payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import type { Attacker } from './attacker.js';
import { type RawEntry, rawZip } from './raw-zip.js';
import { chainEdits, type Found, fileEdits, flippedBits, recordEdits, type TamperCase } from './tamper-cases.js';

/** A way to tamper with the archive that a bag is in. */
export interface ZipCase {
  readonly name: string;
  readonly found: readonly Found[];
  zip(this: void): Buffer | Promise<Buffer>;
}

/** What is in a folder, as it stands in an archive. */
export function entriesOf(bag: Attacker, folder: string): RawEntry[] {
  return bag.files().map((file) => ({ name: `${folder}/${file}`, data: bag.read(file) }));
}

/** Archives that a bag is in and more than that, or in another way than it seems. */
export function* zipCases(base: Attacker): Generator<ZipCase> {
  const folder = bagFolder(base.chain()[0]?.run ?? '');
  const whole = entriesOf(base, folder);
  const evil = Buffer.from('evil');
  const put = (name: string, found: readonly Found[], entry: RawEntry): ZipCase => ({ name, found, zip: () => rawZip([...whole, entry]) });
  const report = `${folder}/${payloadFiles.json}`;
  const instead = (name: string, found: readonly Found[], changed: Partial<RawEntry>): ZipCase => ({
    name,
    found,
    zip: () => rawZip(whole.map((entry) => (entry.name === report ? { ...entry, ...changed } : entry))),
  });
  const json: readonly Found[] = [{ file: payloadFiles.json }];
  yield put('a file twice, the second other', json, { name: report, data: evil });
  yield { name: 'a file twice, the first other', found: json, zip: () => rawZip([{ name: report, data: evil }, ...whole]) };
  yield put('a file twice, both alike', json, { name: report, data: base.read(payloadFiles.json) });
  for (const name of [
    '../evil',
    `${folder}/../evil`,
    `${folder}/data/../../evil`,
    '/etc/evil',
    'C:/evil',
    `${folder}/data\\evil`,
    `${folder}//evil`,
    `${folder}/./evil`,
    `${folder}/evil\0.txt`,
  ])
    yield put(`a file called ${JSON.stringify(name)}`, [{ file: name }, { file: name.slice(folder.length + 1) }], { name, data: evil });
  yield put('a name that is not UTF-8', [{ file: 'data/\\xff' }], {
    name: Buffer.concat([Buffer.from(`${folder}/data/`), Buffer.from([0xff])]),
    data: evil,
  });
  yield put('a file beside the folder', [{ file: 'readme' }], { name: 'readme', data: evil });
  yield put('a second bag', [{ file: 'other/bagit.txt' }], { name: 'other/bagit.txt', data: base.read(tagFiles.declaration) });
  yield put('a file that no bag has', [{ file: 'data/extra' }], { name: `${folder}/data/extra`, data: evil });
  yield put('a link', [{ file: 'data/report.link' }], { name: `${folder}/data/report.link`, data: Buffer.from('/etc/passwd'), mode: 0o120777 });
  yield instead('a link in the place of the report', json, { mode: 0o120777 });
  yield instead('a device in the place of the report', json, { mode: 0o020666 });
  yield instead('a folder in the place of the report', json, { mode: 0o040755 });
  yield instead('an encrypted report', json, { flags: 0x801 });
  yield instead('another name in the local header', json, { localName: report.replace('report', 'retort') });
  yield instead('other bytes of the report', json, { data: evil });
  yield instead('a size that is larger than the file', json, { size: 1_000_000 });
  yield put('bytes that two entries share', json, {
    name: `${folder}/data/report.md2`,
    data: base.read(payloadFiles.json),
    sharing: whole.findIndex(({ name }) => name === report),
  });
  yield { name: 'a file that its directory does not have', found: [{ file: '' }], zip: () => hidden(whole, 1) };
  yield { name: 'a last file that its directory does not have', found: [{ file: '' }], zip: () => hidden(whole, whole.length) };
  yield { name: 'bytes before the archive', found: [{ file: '' }], zip: () => rawZip(whole, { before: '#!/bin/sh\n' }) };
  yield { name: 'bytes after the archive', found: [{ file: '' }], zip: () => rawZip(whole, { after: 'tail' }) };
}

/** An archive with one more file at this place, which is then taken out of the directory. */
function hidden(whole: readonly RawEntry[], at: number): Buffer {
  const zip = rawZip(whole.toSpliced(at, 0, { name: 'evil.sh', data: Buffer.from('evil') }));
  const end = zip.lastIndexOf('PK\x05\x06');
  const from = zip.lastIndexOf('evil.sh') - 46;
  const bytes = 46 + 'evil.sh'.length;
  const cut = Buffer.concat([zip.subarray(0, from), zip.subarray(from + bytes)]);
  for (const field of [8, 10]) cut.writeUInt16LE(whole.length, end - bytes + field);
  cut.writeUInt32LE(zip.readUInt32LE(end + 12) - bytes, end - bytes + 12);
  return cut;
}

/** What can be done to the bag before it is zipped again. */
export function* zippedCases(base: Attacker): Generator<TamperCase> {
  yield* flippedBits(base);
  yield* [...fileEdits(base)].filter(({ name }) => !/link|FIFO|folder/.test(name));
  yield* [...recordEdits(base)].slice(0, 20);
  yield* [...chainEdits(base)].slice(0, 20);
}
