import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Holds a write lease (fcntl(2), F_SETLEASE). `holds`: until the kernel breaks it. `gives-way`: gives it up as soon as somebody wants to open
 * the file, and takes it again: only who waits gets in.
 */
const holder = `
import fcntl, os, signal, sys, time
how, path = sys.argv[1:]
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(path, os.O_RDWR)
def ask(lease):
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, lease)
        return True
    except BlockingIOError:
        return False
while True:
    if fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
        ask(fcntl.F_UNLCK)
        if ask(fcntl.F_WRLCK):
            print("held", flush=True)
    time.sleep(1000 if how == "holds" else 0.0002)
`;

export type LeaseHow = 'holds' | 'gives-way';

/** Starts somebody who holds a lease on a file; `within` are the words of a command that starts him elsewhere. End him with `kill`. */
export async function leaseOn(path: string, how: LeaseHow, within: readonly string[] = []): Promise<ChildProcess> {
  const [program, ...args] = [...within, 'python3', '-c', holder, how, path];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.stdout.resume();
  return child;
}

const breakTime = '/proc/sys/fs/lease-break-time';

/** Lets the kernel of this machine break leases after so many seconds, in place of 45. Returns what sets it back. */
export function leasesBreakAfter(seconds: number): () => void {
  const before = readFileSync(breakTime, 'utf8');
  writeFileSync(breakTime, String(seconds));
  return () => writeFileSync(breakTime, before);
}
