import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import type { ContentFacts } from '../domain/content.js';
import { rawPath } from '../judgement/subject.js';

/** Kinds of changed paths that every container has, with what a row for all of them is called. */
export const noiseTitles = {
  runtime: 'placeholders of the runtime and places of mounts',
  'pid-files': 'pid files',
  'package-lists': 'lists and caches of apt, apk and dnf',
  'package-databases': 'databases of dpkg, apk and rpm',
  'font-caches': 'caches of fontconfig',
  'linker-caches': 'caches of ldconfig',
  'pip-caches': 'caches of pip',
  'npm-caches': 'caches and logs of npm',
  'python-caches': 'compiled Python in __pycache__',
  'jvm-counters': 'counters of Java machines (hsperfdata)',
  logs: 'logs that grow',
  directories: 'directories of the image with other entries',
} as const;
export type NoiseGroup = keyof typeof noiseTitles;
export const noiseGroups = Object.keys(noiseTitles) as [NoiseGroup, ...NoiseGroup[]];

/** A changed path and what is known of its content. */
export interface NoiseEvidence {
  readonly change: Change;
  readonly artifact?: Artifact | undefined;
  readonly content?: ContentFacts | undefined;
}

/**
 * The group of a changed path that is ordinary by name, kind, rights and content, or undefined. A name alone never makes it so: what can be run
 * (mode, capabilities, or bytes that are a program or a script) and what nobody has looked at is in no group.
 */
export function noiseGroupOf(evidence: NoiseEvidence): NoiseGroup | undefined {
  const { change } = evidence;
  if (!isPlain(change) || !isDataOnly(evidence)) return undefined;
  if (change.origin !== 'container') return 'runtime';
  if (change.type === 'symlink') return undefined;
  const path = rawPath(change);
  const place = places.find((each) => each.fits.test(path) && (each.also?.(change) ?? true));
  if (place !== undefined) return place.group;
  return change.type === 'directory' && change.kind === 'changed' ? 'directories' : undefined;
}

/** Whether what the listing says of it is nothing special: rights, type and owner's marks. */
function isPlain(change: Change): boolean {
  const { kind, place, path, mode, modeBefore, typeBefore, capabilities, capabilitiesBefore, renamedFrom } = change;
  if (place.kind === 'process' || path.b64.length > maxName || typeBefore !== undefined || renamedFrom !== undefined) return false;
  if (capabilities !== undefined || capabilitiesBefore !== undefined) return false;
  const forbidden = forbiddenRights(change);
  if (forbidden === undefined) return false;
  if (kind === 'deleted') return true;
  if (mode === undefined || (modeBefore !== undefined && modeBefore !== mode)) return false;
  return (Number.parseInt(mode, 8) & forbidden) === 0;
}

/** Rights that make a path of this type remarkable; undefined for types that always are. What the runtime made may be for all to write. */
function forbiddenRights({ type, origin }: Change): number | undefined {
  const byRuntime = origin !== 'container';
  if (type === 'file') return byRuntime ? 0o7111 : 0o7113;
  if (type === 'directory') return byRuntime ? 0o6000 : 0o7002;
  if (type === 'char') return origin === 'runtime' ? 0o7111 : undefined;
  return type === 'symlink' && byRuntime ? 0 : undefined;
}

/** Names are longer only to hide something, and a verdict does not repeat them. */
const maxName = 1_000;
const data: ReadonlySet<Artifact['content']> = new Set(['text', 'binary', 'archive', 'empty']);

/** Whether the bytes are there to be judged, and are neither program nor script nor a miner's configuration. */
function isDataOnly({ change, artifact, content }: NoiseEvidence): boolean {
  if (change.kind === 'deleted' || change.type !== 'file') return true;
  if (artifact === undefined) return change.size === 0;
  if (!data.has(artifact.content)) return false;
  if (content === undefined) return true;
  if (content.elf !== undefined || content.interpreter !== undefined || /elf|script|php|executable/i.test(content.type)) return false;
  return content.strings.every(({ kind }) => kind !== 'pool' && kind !== 'wallet');
}

interface NoisePlace {
  readonly group: NoiseGroup;
  /** Of the path as the container sees it, latin1, without leading `/`. Names with anything but these characters fit nowhere. */
  readonly fits: RegExp;
  readonly also?: (this: void, change: Change) => boolean;
}

const name = '[\\w+~@%=,:-][\\w.+~@%=,:-]*';
const below = `(?:/${name})*`;
const home = `(?:root|home/${name})`;
const info = 'list|md5sums|conffiles|shlibs|symbols|triggers|templates';

const stays = ({ kind }: Change): boolean => kind !== 'deleted';
const isSmall = ({ kind, type, size = 0 }: Change): boolean => kind !== 'deleted' && type === 'file' && size <= 64;
/** A log that was removed, emptied, cut or written over is no log that grows. */
const grows = ({ kind, type, size = 0, sizeBefore = 0 }: Change): boolean =>
  kind !== 'deleted' && (type === 'directory' || kind !== 'changed' || size > sizeBefore);

const places: readonly NoisePlace[] = [
  { group: 'pid-files', fits: whole(`(?:var/)?run${below}/${name}\\.pid`), also: isSmall },
  { group: 'package-lists', fits: whole(`var/(?:cache/(?:apt|apk|dnf|yum)|lib/apt/(?:lists|periodic))${below}`) },
  {
    group: 'package-databases',
    fits: whole(`var/lib/dpkg(?:/(?:(?:status|available|diversions|statoverride)(?:-old)?|lock(?:-frontend)?))?`),
    also: stays,
  },
  { group: 'package-databases', fits: whole(`var/lib/dpkg/(?:(?:triggers|updates|alternatives)(?:/${name})?|info(?:/${name}\\.(?:${info}))?)`) },
  { group: 'package-databases', fits: whole(`lib/apk(?:/db(?:/(?:installed|lock|triggers|scripts\\.tar))?)?|etc/apk/world`), also: stays },
  { group: 'package-databases', fits: whole(`var/lib/apt/extended_states|(?:var/lib|usr/lib/sysimage)/rpm(?:/${name})?`), also: stays },
  { group: 'font-caches', fits: whole(`(?:var/cache|${home}/\\.cache)/fontconfig(?:/${name})?`) },
  { group: 'linker-caches', fits: whole(`etc/ld\\.so\\.cache|var/cache/ldconfig(?:/aux-cache)?`), also: stays },
  { group: 'pip-caches', fits: whole(`${home}/\\.cache/pip${below}`) },
  { group: 'npm-caches', fits: whole(`${home}/\\.npm(?:/(?:_cacache|_logs)${below}|/_update-notifier-last-checked)?`) },
  { group: 'python-caches', fits: whole(`(?:${name}/)*__pycache__(?:/${name}\\.(?:cpython|pypy)-?\\d[\\w.-]*\\.pyc)?`) },
  { group: 'jvm-counters', fits: whole(`tmp/hsperfdata_${name}(?:/\\d{1,10})?`) },
  {
    group: 'logs',
    fits: whole(
      `var/log(?:${below}/(?:${name}\\.(?:log|err|out)(?:[.-]\\d{1,8})?(?:\\.[gx]z)?|(?:wtmp|btmp|lastlog|faillog|messages|syslog)(?:\\.\\d)?))?`,
    ),
    also: grows,
  },
];

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}
