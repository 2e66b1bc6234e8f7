import { TriageError } from '../../domain/error.js';
import { fromBase64, NulFields } from '../node/nul-fields.js';
import type { WantedLog } from './wanted-logs.js';

/** Of the names of further files that are listed. */
const maxListing = 1024 * 1024;

/**
 * Prints the end of one file, named by a single part in the directory where find stands: what it is before, its last bytes in base64, and how
 * dd fared with what it is afterwards. dd follows no link and waits for no FIFO, and counts from what the file was before, as it can grow.
 */
const readOne = String.raw`
look() { stat --printf '%d %i %s %.9Z' -- "$1"; }
before=$(look "$1") || before='0 0 0 0'
set -- "$1" "$2" $before
skip=0
[ "$5" -le "$2" ] || skip=$(($5 - $2))
printf '%s\0' "$before"
{ status=$({ { dd if="$1" bs=64K iflag=nofollow,nonblock,skip_bytes,count_bytes skip="$skip" count="$2" status=none; echo "$?" >&4; } | base64 -w0 >&3; } 4>&1); } 3>&1
printf '\0%s %s\0' "$status" "$(look "$1")"`;

/**
 * On stdin is a line with the name of the pod's folder and one for each file in it, with a blank for the slash. A pod that mounts the folder of logs can put there what it
 * likes, so find descends by its own handles and reads only what is a regular file by a name of one part. Prints a record for the folder and
 * for what is there of the folders and files, then `end`, then all files beside them.
 */
const script = String.raw`
set -f
most=$1 listing=$2 one=$3
read -r folder
files= folders= around=
while read -r container name; do
  files="$files -o -path ./$folder/$container/$name"
  folders="$folders -o -path ./$folder/$container"
  around="$around -o -path ./$folder/$container/*"
done
seek() { find -P "./$folder" -xdev -ignore_readdir_race -maxdepth 2 "$@" </dev/null; }
seek '(' -path "./$folder" $folders ')' -printf '%P\t%y\0' -o '(' -false $files ')' -printf '%P\t%y\0' -type f -execdir sh -c "$one" podtriage '{}' "$most" ';'
printf 'end\0'
seek '(' -false $around ')' -type f -printf '%P\t%s\0' 2>/dev/null | head -c "$listing" | base64 -w0
printf '\0'`;

/** The argv that reads the last `most` bytes of files below the working directory; {@link logNames} is its stdin. */
export function logArgv(most: number): string[] {
  return ['sh', '-c', script, 'podtriage', String(most), String(maxListing), readOne];
}

/** @param folder the pod's own, below the working directory. Throws `internal` for one that is not as kubelet names it. */
export function logNames(folder: string, wanted: readonly WantedLog[]): Buffer {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(folder))
    throw new TriageError('internal', 'the folder of a pod’s logs has not the form that kubelet gives it');
  return Buffer.from(`${[folder, ...wanted.map(({ file }) => file.replace('/', ' '))].join('\n')}\n`);
}

/** A log as it was before it was read. */
export interface LogFile {
  readonly path: string;
  readonly size: number;
  readonly identity: { readonly device: string; readonly inode: string; readonly ctime: string };
}

/** How the reading of one went. `changed`: another file stands there since, or it is shorter, as after a rotation. */
export type LogReading = 'whole' | 'changed' | 'unreadable';

/** What stands in the folder. */
export interface LogFolder {
  /** Types as find(1) prints them (`%y`) by path; the folder itself has the empty one. */
  readonly types: ReadonlyMap<string, string>;
  /** All regular files in the containers' folders; names are latin1 of the raw bytes. */
  readonly others: readonly { readonly path: string; readonly size: number }[];
  /** False when there are more of them than were listed. */
  readonly complete: boolean;
}

/** Takes a log. It must read the content to its end, and hears only then how that went. */
export type LogTaker = (file: LogFile, content: AsyncIterable<Buffer>, reading: () => Promise<LogReading>) => Promise<void>;

/** Parses what the script prints, as it comes. Throws `transfer-truncated` for an answer that was cut, `command-failed` for a foreign one. */
export async function parseLogs(stdout: AsyncIterable<Uint8Array>, wanted: readonly WantedLog[], take: LogTaker): Promise<LogFolder> {
  const fields = new NulFields(stdout, 'logs of the pod');
  const asked = new Set(wanted.map(({ file }) => file));
  const types = new Map<string, string>();
  for (;;) {
    const head = (await fields.field(1_000)).toString('latin1');
    if (head === 'end') break;
    const [whole, path = '', type = ''] = /^([^\t]*)\t([A-Za-z?])$/.exec(head) ?? [];
    if (whole === undefined) throw foreign();
    types.set(path, type);
    if (type !== 'f' || !path.includes('/')) continue;
    if (!asked.has(path)) throw foreign();
    await takeOne(fields, path, take);
  }
  return { types, ...(await listed(fields)) };
}

async function takeOne(fields: NulFields, path: string, take: LogTaker): Promise<void> {
  const before = identityOf((await fields.field(200)).toString('latin1'));
  if (before === undefined) throw foreign();
  let said: LogReading | undefined;
  const reading = async (): Promise<LogReading> => (said ??= readingOf(before, (await fields.field(200)).toString('latin1')));
  const { size, ...identity } = before;
  await take({ path, size, identity }, fromBase64(fields.parts()), reading);
  await reading();
}

interface Looked {
  readonly device: string;
  readonly inode: string;
  readonly size: number;
  readonly ctime: string;
}

function identityOf(text: string): Looked | undefined {
  const [whole, device = '', inode = '', size, ctime = ''] = /^(\d+) (\d+) (\d+) (-?[\d.]+)$/.exec(text) ?? [];
  // A sparse file can claim more than a double holds.
  return whole === undefined ? undefined : { device, inode, size: Math.min(Number(size), Number.MAX_SAFE_INTEGER), ctime };
}

function readingOf(before: Looked, text: string): LogReading {
  const space = text.indexOf(' ');
  const after = identityOf(text.slice(space + 1));
  if (after?.device !== before.device || after.inode !== before.inode || after.size < before.size) return 'changed';
  return text.slice(0, space) === '0' ? 'whole' : 'unreadable';
}

async function listed(fields: NulFields): Promise<Pick<LogFolder, 'others' | 'complete'>> {
  const parts: Buffer[] = [];
  for await (const part of fromBase64(fields.parts())) parts.push(part);
  const text = Buffer.concat(parts).toString('latin1');
  const records = text
    .split('\0')
    .slice(0, -1)
    .map((record) => /^(.*)\t(\d+)$/s.exec(record) ?? []);
  const files = records.map(([, path = '', size]) => ({ path, size: Math.min(Number(size), Number.MAX_SAFE_INTEGER) }));
  return { others: files.filter(({ path }) => path !== ''), complete: text.length < maxListing };
}

function foreign(): TriageError {
  return new TriageError('command-failed', 'logs of the pod: a record has not the form that was asked for');
}
