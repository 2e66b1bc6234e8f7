import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Holds write leases (fcntl(2), F_SETLEASE). `holds`: until the kernel breaks them. `gives-way`: gives one up as soon as somebody wants to open
 * the file, and takes it again: only who waits gets in.
 */
const holder = `
import fcntl, os, signal, sys, time
how, paths = sys.argv[1], sys.argv[2:]
signal.signal(signal.SIGIO, signal.SIG_IGN)
def ask(fd, lease):
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, lease)
    except BlockingIOError:
        pass
files = [os.open(path, os.O_RDWR) for path in paths]
while True:
    for fd in files:
        if fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK:
            ask(fd, fcntl.F_UNLCK)
            ask(fd, fcntl.F_WRLCK)
    if all(fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_WRLCK for fd in files):
        print("held", flush=True)
    time.sleep(1000 if how == "holds" else 0.0002)
`;

export type LeaseHow = 'holds' | 'gives-way';

/** Starts somebody who holds leases on files; `within` are the words of a command that starts him elsewhere. End him with `kill`. */
export async function leaseOn(paths: readonly string[], how: LeaseHow, within: readonly string[] = []): Promise<ChildProcess> {
  const child = spawn('env', [...within, 'python3', '-c', holder, how, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.stdout.resume();
  return child;
}
