import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A cgroup of this machine that is called as a container's is. */
export interface RealCgroup {
  /** Moves a process into it, or into a cgroup right below it. */
  enter(pid: number, below?: string): void;
  /** Ends all that is left in it, and removes it. */
  remove(): Promise<void>;
}

const roots = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup/freezer', '/sys/fs/cgroup'];

/** Makes the cgroup of a container. @param path such as `podtriage-test/<id>` */
export function realCgroup(path: string): RealCgroup {
  const root = roots.find((each) => existsSync(join(each, 'cgroup.procs')));
  if (root === undefined) throw new Error('no cgroup file system is mounted below /sys/fs/cgroup');
  const folder = join(root, path);
  mkdirSync(folder, { recursive: true });
  const all = [folder];
  return {
    enter(pid, below = '') {
      const into = join(folder, below);
      mkdirSync(into, { recursive: true });
      if (!all.includes(into)) all.unshift(into);
      writeFileSync(join(into, 'cgroup.procs'), String(pid));
    },
    async remove() {
      for (const each of all) {
        for (let tries = 0; !isRemoved(each); tries += 1) {
          if (tries > 1_000) throw new Error(`${each} cannot be removed`);
          for (const pid of membersOf(each)) end(pid);
          await sleep(10);
        }
      }
      // Others may have theirs in it.
      isRemoved(dirname(folder));
    },
  };
}

/** A cgroup whose last process has just ended stays busy for a moment. */
function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function membersOf(folder: string): number[] {
  return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
