import type { Change } from '../../domain/change.js';
import { pathBytes } from '../../domain/path-name.js';
import { rankOf } from './plan.js';

/** How many bytes of a file decide, and how many it must have to be looked at. */
export const headBytes = 64;

/** What `acquire: selected` leaves on the node: the name must say it, and the first bytes must say the same. */
interface Leavable {
  readonly what: string;
  /** Of the path as the container sees it, latin1. */
  readonly name: RegExp;
  /** Of the first bytes, latin1. */
  readonly magic: RegExp;
  readonly why: string;
}

const shown = 'only viewers read it, nothing runs it; its hash tells whether the world knows it';

/** The whole class, narrow on purpose: all else is moved. Magic numbers are those of file(1). */
export const leavable: readonly Leavable[] = [
  { what: 'PNG image', name: /\.png$/i, magic: /^\x89PNG\r\n\x1a\n\0\0\0\rIHDR/, why: shown },
  { what: 'JPEG image', name: /\.jpe?g$/i, magic: /^\xff\xd8\xff[\xdb\xe0\xe1\xee]/, why: shown },
  { what: 'GIF image', name: /\.gif$/i, magic: /^GIF8[79]a/, why: shown },
  { what: 'WebP image', name: /\.webp$/i, magic: /^RIFF[^]{4}WEBPVP8/, why: shown },
  { what: 'font', name: /\.woff2?$/i, magic: /^wOF[F2]/, why: shown },
  { what: 'font', name: /\.(ttf|otf)$/i, magic: /^(\0\x01\0\0|OTTO|true)/, why: shown },
  { what: 'film', name: /\.(mp4|m4v|m4a|mov)$/i, magic: /^\0\0\0[^]ftyp/, why: shown },
  { what: 'film', name: /\.(webm|mkv)$/i, magic: /^\x1aE\xdf\xa3/, why: shown },
  { what: 'sound', name: /\.mp3$/i, magic: /^(ID3[\x02-\x04]|\xff[\xf2\xf3\xfb])/, why: shown },
  { what: 'sound', name: /\.(ogg|oga|opus)$/i, magic: /^OggS\0/, why: shown },
  {
    what: 'log of plain text',
    name: /^var\/log\/.*\.log(\.\d{1,3})?$/i,
    magic: /^[\t\n\r\x20-\x7e]*$/,
    why: 'grows without end and says what the service did, not what was put into it',
  },
];

/** Where a server may run what looks like a picture, and where intruders put things: there, all is moved. */
const suspectPlaces = /(^|\/)(\.[^/]*|www|html|htdocs|public|public_html|wwwroot|webroot|webapps|uploads?|tmp|shm|run)(\/|$)|(^|\/)\.[^/]*$/i;

/** Marks of code, even in the head of a picture. */
const code = /<\?|<%|^#!|<script/i;

/** Whether a file may be one to leave, by what the listing says of it: then its first bytes are asked for. */
export function mayBeLeft(change: Change): boolean {
  const { mode, size = 0, capabilities } = change;
  if (mode === undefined || size < headBytes || capabilities !== undefined) return false;
  if ((Number.parseInt(mode, 8) & 0o7111) !== 0 || rankOf(change) !== 2) return false;
  const path = pathInContainer(change);
  return !suspectPlaces.test(path) && leavable.some(({ name }) => name.test(path));
}

/** Whether it is one, by its first {@link headBytes}. */
export function isLeft(change: Change, head: Uint8Array | undefined): boolean {
  if (head === undefined || head.length < headBytes || !mayBeLeft(change)) return false;
  const start = Buffer.from(head).toString('latin1');
  const path = pathInContainer(change);
  return !code.test(start) && leavable.some(({ name, magic }) => name.test(path) && magic.test(start));
}

function pathInContainer({ place, path }: Pick<Change, 'place' | 'path'>): string {
  const name = pathBytes(path).toString('latin1');
  return place.kind === 'volume' ? `${place.mountPath.replace(/^\/+|\/+$/g, '')}/${name}` : name;
}
