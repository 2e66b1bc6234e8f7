/**
 * Tar as a child of a shell that also reads its stdin, which we never write to: it ends with our connection, and then the shell ends tar.
 * CRI-O does that by itself; containerd leaves a program whose reader has gone, and tar would hang in the container for good (seen on 2.2).
 */
const script = [
  'exec 3<&0',
  'tar cf - -C / -- "$1" & tar=$!',
  '{ while read -r line; do :; done; kill "$tar"; } <&3 >/dev/null 2>&1 & watch=$!',
  'exec 3<&-',
  'wait "$tar"; status=$?',
  'kill "$watch" 2>/dev/null',
  'exit "$status"',
].join('\n');

/** What is run in the container to get one path: shell and tar are the suspect's own. `path` is relative to `/`. */
export function containerTarArgv(path: string): string[] {
  return ['sh', '-c', script, 'podtriage', path];
}
