import { TriageError } from '../../domain/error.js';
import { withoutDot } from '../node/node-command.js';

/** What stands at a path of one layer. */
export interface LayerEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block' | 'whiteout';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970, as stat prints them. */
  readonly mtime: string;
  /** The attribute `security.capability`, where it has one. */
  readonly capability?: Buffer;
}

/** The form of {@link parseStat}'s records, for `stat --printf`. */
export const statFormat = '%f\\t%t\\t%T\\t%u\\t%g\\t%s\\t%.Y\\t%n\\0';

const pattern = /^([0-9a-f]+)\t([0-9a-f]+)\t([0-9a-f]+)\t(\d+)\t(\d+)\t(\d+)\t(-?[\d.]+)\t/;

/** Parses one record of {@link statFormat}, without its NUL; the path is latin1 of its raw bytes. Throws `command-failed`. */
export function parseStat(record: Buffer): { path: string; entry: LayerEntry } {
  const match = pattern.exec(record.subarray(0, 200).toString('latin1'));
  if (match === null) throw new TriageError('command-failed', 'stat: a record has not the form that was asked for');
  const [whole, raw = '', major, minor, uid, gid, size, mtime = ''] = match;
  const mode = Number.parseInt(raw, 16);
  return {
    path: withoutDot(record.subarray(whole.length)).toString('latin1'),
    entry: {
      type: typeOf(mode, Number.parseInt(major ?? '', 16) === 0 && Number.parseInt(minor ?? '', 16) === 0),
      mode: (mode & 0o7777).toString(8).padStart(4, '0'),
      uid: Number(uid),
      gid: Number(gid),
      size: Math.min(Number(size), Number.MAX_SAFE_INTEGER),
      mtime,
    },
  };
}

/** File type bits of st_mode (inode(7)). A character device 0:0 is overlayfs' mark of a deleted path (kernel, overlayfs.rst). */
function typeOf(mode: number, isZeroDevice: boolean): LayerEntry['type'] {
  switch (mode & 0o170000) {
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    case 0o010000:
      return 'fifo';
    case 0o140000:
      return 'socket';
    case 0o060000:
      return 'block';
    case 0o020000:
      return isZeroDevice ? 'whiteout' : 'char';
    default:
      return 'file';
  }
}
