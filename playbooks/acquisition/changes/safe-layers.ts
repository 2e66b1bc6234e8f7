import type { Overlay } from '../../facts.js';
import { treeFormatFromStart } from '../node/find-records.js';
import { timeUp } from '../node/node-command.js';
import { mountOptions, notSafe, notThere, type Reading } from '../node/safe-tree.js';
import { chooseScratch } from '../node/scratch-space.js';
import { statFormat } from './layer-entry.js';

/**
 * The longest name, with its `./`, that the tools are asked about: PATH_MAX (4096) less what a copy of it needs in front. What lies deeper is
 * still listed by the walk.
 */
export const maxAskedBytes = 4_064;

/** How many files have their attributes copied at once: each copy is an inode in the node's memory. */
const batch = 2_000;

/** For about how long files of one directory are copied by themselves, in seconds; the rest is named as not read. */
const patience = 300;

/**
 * Complaints that say no more than the answer itself: a name is not in a layer, has just gone, or lies behind a link. All are read to their end:
 * a tool that cannot complain any more would be ended by it.
 */
const expected = 'No such file or directory$|Not a directory$|Too many levels of symbolic links$|File name too long$|Exiting with failure status';

/**
 * What the shells share. Names lie in a tmpfs that only this namespace has, and they are never more than parameters to a shell.
 * - `list`: which of the names on stdin stand in the working directory; what lies below a name that is no directory here is not looked for.
 * - `archive`: no tool of a bare node prints extended attributes but tar, which puts them into pax headers.
 * - `copies`: tar reads a file to archive it, so the attributes of files are copied to empty files first. cp opens a file to read it and
 *   waits, which is for ever where a FIFO takes the file's place after cp has looked. From the first time on `singly` copies each by itself.
 *   Named as `uncopied` is all that the copy is no file of, but for what is gone: something else can have stood there for a moment.
 * - `hidden`: all below the names given.
 * - `send`: an archive as lines of base64, each ended by NUL; nothing where every name was found and none has a mark.
 */
const functions = `
note() { printf ':%s\\0' "$1"; }
list() {
  xargs -0 -r -s 1000000 sh -c 'eval "$functions"; existing "$@"' podtriage \\
    3>"$scratch/here" 4>"$scratch/dirs" 5>"$scratch/files" 6>"$scratch/chars"
}
existing() {
  gone=/
  for name do
    case $name in "$gone"/*) continue ;; esac
    if [ -h "$name" ]; then printf '%s\\0' "$name" >&3
    elif [ ! -e "$name" ]; then :
    elif [ -d "$name" ]; then
      printf '%s\\0' "$name" >&3
      printf '%s/.\\0' "$name" >&4
      continue
    elif [ -f "$name" ]; then
      printf '%s\\0' "$name" >&3
      printf '%s\\0' "$name" >&5
    else
      printf '%s\\0' "$name" >&3
      [ ! -c "$name" ] || printf '%s\\0' "$name" >&6
    fi
    gone=$name
  done
}
archive() {
  tar --format=pax --pax-option=delete=atime,delete=ctime,delete=mtime --blocking-factor=1 -cf "$scratch/tar" --xattrs \\
    --xattrs-include="$prefix.opaque" --xattrs-include="$prefix.redirect" --xattrs-include="$prefix.metacopy" \\
    --xattrs-include="$prefix.whiteout" --xattrs-include=security.capability "$@"
}
send() {
  if [ "$2" != 0 ] || grep -qaF SCHILY.xattr "$scratch/tar"; then
    note "$1"
    base64 -w 60000 "$scratch/tar" | tr '\\n' '\\0'
    note sent
  fi
}
marks() {
  [ -s "$scratch/dirs" ] || return 0
  archive --no-recursion --null --verbatim-files-from -T "$scratch/dirs"
  send directories $?
}
copy() {
  limit=$1
  shift
  timeout "$limit" cp -RP --attributes-only --preserve=xattr --parents -t "$scratch/copies" -- "$@"
}
anew() {
  [ ! -e "$scratch/copies" ] || rm -rf "$scratch/copies"
  mkdir "$scratch/copies"
}
copies() {
  anew
  status=${timeUp}
  : >"$scratch/late"
  if [ ! -e "$scratch/held" ]; then
    copy $((5 + $# / 200)) "$@"
    status=$?
  fi
  [ "$status" != ${timeUp} ] || singly "$@"
  archive -C "$scratch/copies" .
  send files $((status + $?))
  note uncopied
  for name do
    made=$scratch/copies/$name
    if [ -f "$made" ] && [ ! -h "$made" ]; then :
    elif [ -e "$made" ] || [ -h "$made" ] || [ -e "$name" ] || [ -h "$name" ]; then printf '%s\\0' "$name"
    fi
  done
  cat "$scratch/late"
}
singly() {
  [ -e "$scratch/held" ] || echo $(($(date +%s) + ${patience})) >"$scratch/held"
  read -r until <"$scratch/held"
  anew
  status=0 count=0
  for name do
    [ $((count % 50)) != 0 ] || now=$(date +%s)
    count=$((count + 1))
    if [ "$now" -lt "$until" ]; then copy 1 "$name"; else false; fi
    case $? in
      0) ;;
      ${timeUp}) status=1; printf '%s\\0' "$name" >>"$scratch/late" ;;
      *) status=1 ;;
    esac
  done
}
attributes() {
  [ -s "$scratch/files" ] || return 0
  rm -f "$scratch/held"
  xargs -0 -r -n ${batch} -s 1000000 sh -c 'eval "$functions"; copies "$@"' podtriage <"$scratch/files"
}
hidden() {
  find -P "$@" -xdev -mindepth 1 -ignore_readdir_race \\( -path "$long?*" -fprintf "$scratch/long.$$" x -o -print0 \\)
}
stats() {
  [ -s "$1" ] || return 0
  xargs -0 -r -s 1000000 stat --printf='${statFormat}' -- <"$1"
}
`;

/** Walks the working directory; the names go into the lists that `list` would make. */
const walk = `
find -P . -xdev -mindepth 1 -ignore_readdir_race -printf '${treeFormatFromStart}' ! -path "$long?*" -fprint0 "$scratch/all" \\
  \\( -type d -fprintf "$scratch/dirs" '%p/.\\0' -o -type f -fprint0 "$scratch/files" -o -type c -fprint0 "$scratch/chars" \\)
note "walked $?"
`;

/** Walks below each of the names on stdin, in a tree that is not the upper directory: nothing of it is compared with the layers. */
const walkBelow = `
xargs -0 -r -s 1000000 sh -c 'exec find -P "$@" -xdev -mindepth 1 -ignore_readdir_race -printf "$0" -type f -fprint0 "$scratch/files.$$"' '${treeFormatFromStart}'
note "walked $?"
cat "$scratch"/files.* >"$scratch/files"
`;

const layers = `
number=0
for layer do
  number=$((number + 1))
  note "layer $number"
  [ -d "$layer" ] || { note missing; break; }
  mount -n -o "bind,$options" "$layer" "$layer" && cd "$layer" || { note unsafe; break; }
  if [ -s "$scratch/below" ]; then
    { cat "$scratch/all"; xargs -0 -r -s 1000000 sh -c 'eval "$functions"; hidden "$@"' podtriage <"$scratch/below"; } | list
  else
    list <"$scratch/all"
  fi
  [ "$number" = $# ] || marks
  attributes
  stats "$scratch/here"
done
`;

const script = `
functions=$1 mode=$2 options=$3 prefix=$4 bytes=$5 tree=$6
shift 6
${chooseScratch}
[ "$tree" = / ] || [ -d "$tree" ] || exit ${notThere}
mount -n -t tmpfs -o "\${options#ro,},size=256m,nr_inodes=100000,mode=700" podtriage "$scratch" || exit ${notSafe}
ln -s . "$scratch/link"
case $options in
  *nosymfollow*) [ ! -e "$scratch/link" ] || { echo 'nosymfollow has no effect' >&2; exit ${notSafe}; } ;;
esac
[ "$tree" = / ] || { mount -n -o "bind,$options" "$tree" "$tree" && cd "$tree"; } || exit ${notSafe}
long='????'
while [ \${#long} -lt ${maxAskedBytes} ]; do long=$long$long; done
long=$(printf '%.${maxAskedBytes}s' "$long")
export functions scratch prefix long
eval "$functions"
for name in all below here dirs files chars; do : >"$scratch/$name"; done
answer() {
  case $mode in
    walk) ${walk} ;;
    below) ${walkBelow} ;;
    *)
      head -c "$bytes" >"$scratch/all"
      cat >"$scratch/below"
      [ "$mode" = image ] || list <"$scratch/all"
      ;;
  esac
  if [ "$mode" != image ]; then
    note upper
    marks
    attributes
    stats "$scratch/chars"
  fi
  ${layers}
  for name in "$scratch"/long.*; do [ ! -s "$name" ] || note long; done
  note end
}
{ answer "$@" 2>&1 >&3 3>&- | awk '!/${expected}/ && lines++ < 20' >&2; } 3>&1
`;

/**
 * What is asked. `walk`: all of the upper directory, and what the layers have under the same names. `names`: the same of the names on stdin.
 * `image`: the layers alone, of the first `bytes` of names on stdin, and all below the names after them. `below`: all below the names on stdin
 * in one tree, such as the merged mount.
 */
export type Question = 'walk' | 'names' | 'image' | 'below';

/**
 * The argv that asks an overlay's directories in one command, each entered as in safe-tree.ts, layers in the order given. The answer is a stream
 * of records ended by NUL, which no name can hold; {@link readAnswer} reads it. Exit statuses are those of safe-tree.ts.
 * @param tree the upper directory, or the one to walk in
 * @param bytes of stdin that are names; the rest are names to walk below
 */
export function insideLayers(
  question: Question,
  tree: string,
  overlay: Pick<Overlay, 'lowers' | 'userxattr'>,
  bytes: number,
  reading: Reading,
): string[] {
  const prefix = overlay.userxattr ? 'user.overlay' : 'trusted.overlay';
  const args = [functions, question, mountOptions[reading], prefix, String(bytes), question === 'image' ? '/' : tree];
  return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', script, 'podtriage', ...args, ...(question === 'below' ? [] : overlay.lowers)];
}
