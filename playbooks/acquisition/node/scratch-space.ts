import { notSafe } from './safe-tree.js';

/**
 * Lines of sh that choose a directory of the node that none of the trees in `$tree` and `$@` lies in, and name it `$scratch`: a tmpfs is mounted
 * over it in the command's own mount namespace.
 */
export const chooseScratch = `for scratch in /dev/shm /mnt /media /srv /opt /tmp ''; do
  [ -d "$scratch" ] || continue
  for layer in "$tree" "$@"; do
    case $layer in "$scratch"/*) continue 2 ;; esac
  done
  break
done
[ -n "$scratch" ] || { echo 'no directory to put names into' >&2; exit ${notSafe}; }`;
