import { mountOptions, notSafe } from '../node/safe-tree.js';
import { chooseScratch } from '../node/scratch-space.js';
import { apkDirectories, type DatabaseFile } from './database-files.js';

/**
 * Prints of databases only lines about the paths in the first file, and which versions there are. `:` begins a line of ours, `=` one of theirs.
 * Words for configuration of which dpkg knows no sum (yet), `newconffile` and `nonexistent`, say nothing.
 * Old mawks know no `{32}` in patterns. No line that is printed is longer than a path can make it, whatever the database holds.
 */
const select = `
function done() { if (unreadable) print ":unreadable " unreadable; unreadable = 0 }
FNR == 1 {
  files++
  if (files > 1) {
    done()
    print ":file " FILENAME
    sums = FILENAME ~ /[.]md5sums$/
    package = version = directory = name = ""
    conffiles = 0
  }
}
files == 1 { want[$0]; next }
apk {
  field = substr($0, 1, 2)
  if (field == "P:") { package = $0; version = directory = name = "" }
  else if (field == "V:") version = $0
  else if (field == "F:") { directory = $0; name = "" }
  else if (field == "R:") name = $0
  else if (field == "Z:") {
    path = substr(name, 3)
    if (length(directory) > 2) path = substr(directory, 3) "/" path
    if (path in want && !(path in told)) {
      told[path]
      print "="; print "=" substr(package, 1, 300); print "=" substr(version, 1, 300); print "=" directory; print "=" name; print "=" substr($0, 1, 300)
    }
    name = ""
  }
  else if ($0 == "") package = version = directory = name = ""
  else if ($0 !~ /^[A-Za-z]:/) unreadable++
  next
}
sums {
  path = substr($0, 35)
  sub(/^([.]?[\\/])+/, "", path)
  if (path == "" || substr($0, 33, 2) != "  " || substr($0, 1, 32) ~ /[^0-9a-f]/) unreadable++
  else if (path in want) print "=" $0
  next
}
/^[^ \\t]/ || /^$/ { conffiles = /^Conffiles:/ }
conffiles && /^ / {
  line = $0
  flags = ""
  for (i = 0; i < 2 && match(line, / (obsolete|remove-on-upgrade)$/); i++) { flags = substr(line, RSTART) flags; line = substr(line, 1, RSTART - 1) }
  match(line, / [^ ]*$/)
  digest = substr(line, RSTART + 1)
  path = substr(line, 1, RSTART - 1)
  if (digest == "newconffile" || digest == "nonexistent") next
  if (!sub(/^ [\\/]+/, "", path) || path == "" || length(digest) != 32 || digest ~ /[^0-9a-f]/) unreadable++
  else if (path in want) print "= /" path " " digest flags
  next
}
/^(Package|Architecture|Version):/ { print "=" substr($0, 1, 300) }
END { done() }
`;

/**
 * Of each group, a directory of a tree and names in it, tar takes what are files into a tmpfs that only this namespace has; what is read is the
 * copy. The directory is entered by one name at a time, and after each we must stand in what that name says, or a link led elsewhere. tar opens
 * the names without following or waiting. So nothing leads out of the tree on any node, whatever is swapped meanwhile.
 */
const script = `
options=$1 want=$2 most=$3 select=$4 tree=
shift 4
${chooseScratch}
mount -n -t tmpfs -o "\${options#ro,},size=96m,nr_inodes=30000,mode=700" podtriage "$scratch" || exit ${notSafe}
note() { printf ':%s\\n' "$1"; }
enter() (
  at=$(pwd -P)
  IFS=/
  for part in $1; do
    cd -P "./$part" 2>/dev/null && at=$at/$part && [ "$(pwd -P)" = "$at" ] || { note lost; exit; }
  done
  {
    tar --no-recursion --null --verbatim-files-from --hard-dereference -T "$scratch/names" -cf -
    echo $? >"$scratch/status"
  } | head -c "$most" | timeout 120 tar -C "$scratch/copy" --no-same-owner -xf -
  status=$?
  note "copied $(($(cat "$scratch/status") + status))"
)
head -c "$want" >"$scratch/want"
while [ $# -ge 4 ]; do
  tree=$1 apk=$3
  head -c "$4" >"$scratch/names"
  rm -rf "$scratch/copy" && mkdir "$scratch/copy"
  note group
  if [ ! -d "$tree" ]; then note missing
  elif mount -n -o "bind,$options" "$tree" "$tree" && cd "$tree"; then
    enter "$2"
    cd "$scratch/copy" && find -P . -type f -print0 | xargs -0 -r -s 1000000 awk -v "apk=$apk" "$select" "$scratch/want" || note failed
  else note unsafe
  fi
  shift 4
done
note end
`;

/** Bytes of databases that are copied at most, of one group: they are in the node's memory meanwhile. */
export const maxGroupBytes = 64 * 1024 * 1024;

/** What an archive is longer than its files, of {@link maxFiles} files. */
const tarOverhead = 16 * 1024 * 1024;

/** Names in one directory of a tree. */
export interface FileGroup {
  readonly tree: string;
  readonly directory: string;
  readonly files: readonly DatabaseFile[];
}

/**
 * The command that reads groups of files of databases. Exit status `notSafe` of safe-tree.ts: there is no place for the copies.
 * @param paths of files to be told about, as databases may write them: latin1, without newlines
 */
export function selecting(paths: readonly string[], groups: readonly FileGroup[]): { argv: readonly string[]; stdin: Buffer } {
  const want = Buffer.from(paths.map((path) => `${path}\n`).join(''), 'latin1');
  const names = groups.map(({ files }) => Buffer.from(files.map(({ name }) => `./${name}\0`).join(''), 'latin1'));
  const places = groups.flatMap(({ tree, directory }, index) => [
    tree,
    directory,
    apkDirectories.has(directory) ? '1' : '0',
    String(names[index]?.length),
  ]);
  // Not `nosymfollow`, which old nodes do not have: the script is safe without.
  const fixed = [mountOptions['two-walks'], String(want.length), String(maxGroupBytes + tarOverhead), select];
  return {
    argv: ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', script, 'podtriage', ...fixed, ...places],
    stdin: Buffer.concat([want, ...names]),
  };
}
