import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lab } from '../test/e2e/lab.js';

const controllers = ['cpuacct', 'blkio'] as const;

/** What the kernel has counted so far. */
export interface Reading {
  readonly cpuSeconds: number;
  /** Bytes that had to come from the disk; what was in the page cache is not in it. */
  readonly diskBytes: number;
}

/**
 * Counts what everything that comes in through the sshd of a lab node costs there, by cgroups of its own (v1, as the lab's machine has them):
 * what it starts is in them too. Needs root.
 */
export class NodeMeter {
  private constructor(private readonly name: string) {}

  static start(node: 'a' | 'b'): NodeMeter {
    const meter = new NodeMeter('podtriage-bench');
    for (const controller of controllers) {
      mkdirSync(meter.file(controller, ''), { recursive: true });
      writeFileSync(meter.file(controller, 'cgroup.procs'), String(labPid(`sshd-${node}`)));
    }
    // The kernel counts once there is a limit; this one is far above any disk.
    writeFileSync(meter.file('blkio', 'blkio.throttle.read_bps_device'), `${device()} ${2 ** 40}`);
    return meter;
  }

  read(): Reading {
    const bytes = new RegExp(`^${device()} Read (\\d+)$`, 'm').exec(readFileSync(this.file('blkio', 'blkio.throttle.io_service_bytes'), 'utf8'));
    return { cpuSeconds: Number(readFileSync(this.file('cpuacct', 'cpuacct.usage'), 'utf8')) / 1e9, diskBytes: Number(bytes?.[1] ?? 0) };
  }

  stop(): void {
    for (const controller of controllers) {
      for (const pid of readFileSync(this.file(controller, 'cgroup.procs'), 'utf8').trim().split('\n').filter(Boolean)) {
        writeFileSync(join('/sys/fs/cgroup', controller, 'cgroup.procs'), pid);
      }
      rmdirSync(this.file(controller, ''));
    }
  }

  private file(controller: string, name: string): string {
    return join('/sys/fs/cgroup', controller, this.name, name);
  }
}

/** A program of the lab, such as `sshd-a`: the listener that all logins on node a begin with. */
export function labPid(program: string): number {
  return Number(readFileSync(join(lab.run, 'pid', program), 'utf8'));
}

/** `major:minor` of the disk that the lab's nodes are on. */
function device(): string {
  const { dev } = statSync(lab.run);
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
}
