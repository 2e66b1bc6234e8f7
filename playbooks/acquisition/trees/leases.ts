// A write lease (fcntl(2), F_SETLEASE) is the suspect's way to be told who opens a file, and to make him wait: until the holder gives it up, or the
// kernel breaks it. Who does not wait (open(2), O_NONBLOCK) is refused as long as it lasts. A file in the upper directory of an overlay cannot be
// held so (since Linux 4.19): its lease is on the merged file, which we open only where the upper one lacks content. One in a volume can.

/** What tools say of a file that is held, where they do not wait (EAGAIN). */
export const isLeased = 'Resource temporarily unavailable';

/** How long files may be waited for, in seconds: the kernel breaks a lease after 45 s (proc_sys_fs(5), lease-break-time). */
export const leaseSeconds = 60;

/** The same for all files that are read in turn, as each can have a lease of its own. */
export const longestWait = 600;

/** How long the commands that read a tree may still wait for leases: {@link leaseSeconds} each, and {@link longestWait} all of them. */
export class Patience {
  private left = longestWait;

  /** Whole seconds that the next command may wait. */
  get seconds(): number {
    return Math.min(leaseSeconds, Math.floor(this.left));
  }

  /** Takes off what a command may have waited; the rest of its time went into reading. */
  spend(durationMs: number): void {
    this.left -= Math.min(this.seconds, durationMs / 1_000);
  }
}
