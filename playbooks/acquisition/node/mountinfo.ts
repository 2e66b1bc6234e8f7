/** One line of /proc/PID/mountinfo (proc(5)), its octal escapes decoded. */
export interface Mount {
  /** Unique on the node as long as the mount lives. */
  readonly id: number;
  /** `major:minor`. */
  readonly device: string;
  /** The directory of the file system that is mounted; a path inside that file system. Ends in `//deleted` when it was removed since. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount alone, such as `ro` and `relatime`. */
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Still escaped: overlayfs options are split before they are decoded. */
  readonly superOptions: string;
}

/** Parses mountinfo. Lines that do not have its shape are left out: they cannot lead anywhere. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = splitOnce(line, ' - ');
    const [id = '', , device, root, mountPoint, options] = left.split(' ');
    const [type, source, superOptions] = right.split(' ');
    if (!/^\d{1,10}$/.test(id) || !device || !root || !mountPoint || !options || !type || source === undefined || superOptions === undefined)
      return [];
    return [
      {
        id: Number(id),
        device,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        options: options.split(','),
        type,
        source: unescapeOctal(source),
        superOptions,
      },
    ];
  });
}

function splitOnce(line: string, mark: string): [string, string] {
  const at = line.indexOf(mark);
  return at === -1 ? [line, ''] : [line.slice(0, at), line.slice(at + mark.length)];
}

/** Decodes `\040` and its like, as the kernel writes space, tab, newline, backslash and what an option's syntax reserves. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const latin1 = Buffer.from(text, 'utf8').toString('latin1');
  const decoded = latin1.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(decoded, 'latin1').toString('utf8');
}

/** The same as a function for awk, `plain(TEXT)`; bytes are what they are in the C locale alone. */
export const plainPath = String.raw`
function plain(text, done, code) {
  while (match(text, /\\[0-3][0-7][0-7]/)) {
    code = substr(text, RSTART + 1, 1) * 64 + substr(text, RSTART + 2, 1) * 8 + substr(text, RSTART + 3, 1)
    done = done substr(text, 1, RSTART - 1) sprintf("%c", code)
    text = substr(text, RSTART + 4)
  }
  return done text
}`;

/** The directories of an overlay mount, as its options name them: absolute, relative, or useless. */
export interface OverlayOptions {
  readonly upper: string;
  /** Topmost first. */
  readonly lowers: readonly string[];
  readonly metacopy: boolean;
  readonly userxattr: boolean;
}

/**
 * Parses the super options of an overlay mount: `lowerdir=a:b`, or one `lowerdir+=` each as the new mount API prints them.
 * Returns undefined when there is no upper directory, or a backslash is left after decoding: such a path cannot be told.
 */
export function parseOverlayOptions(superOptions: string): OverlayOptions | undefined {
  const options = superOptions.split(',');
  const value = (name: string) => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const upper = unescapeOctal(value('upperdir') ?? '');
  const listed = (value('lowerdir') ?? '').split(':').filter((part) => part !== '');
  const added = options.filter((option) => option.startsWith('lowerdir+=')).map((option) => option.slice('lowerdir+='.length));
  const lowers = [...listed, ...added].map(unescapeOctal);
  if (upper === '' || [upper, ...lowers].some((path) => path.includes('\\'))) return undefined;
  return { upper, lowers, metacopy: options.includes('metacopy=on'), userxattr: options.includes('userxattr') };
}
