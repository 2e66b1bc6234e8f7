// A write lease (fcntl(2), F_SETLEASE) is the suspect's way to be told who opens a file, and to make him wait: until the holder gives it up, or the
// kernel breaks it. Who does not wait (open(2), O_NONBLOCK) is refused as long as it lasts. A file in the upper directory of an overlay cannot be
// held so (since Linux 4.19): its lease is on the merged file, which we open only where the upper one lacks content. One in a volume can.

/** What tools say of a file that is held, where they do not wait (EAGAIN). */
export const isLeased = 'Resource temporarily unavailable';

/** How long files may be waited for, in seconds: the kernel breaks a lease after 45 s (proc_sys_fs(5), lease-break-time). */
export const leaseSeconds = 60;

/** The same for all files that are read in turn, as each can have a lease of its own. */
export const longestWait = 600;
