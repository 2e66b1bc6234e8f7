import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('moved-clock.c', import.meta.url));

/** A wall clock that a test moves: for programs that are started with its environment, and for whoever asks {@link now}. */
export class MovedClock {
  private readonly folder = mkdtempSync(join(tmpdir(), 'podtriage-clock-'));
  private readonly file: number;
  private moved = 0;

  /** Starts at `at`, in milliseconds since 1970. */
  constructor(at: number) {
    execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', join(this.folder, 'clock.so'), source]);
    this.file = openSync(join(this.folder, 'moved'), 'w');
    this.move(at - Date.now());
  }

  /** What a program needs in its environment to have this clock. */
  get environment(): Record<string, string> {
    return { LD_PRELOAD: join(this.folder, 'clock.so'), MOVED_CLOCK: join(this.folder, 'moved') };
  }

  now(): number {
    return Date.now() + this.moved;
  }

  /** Puts it forward by so many milliseconds. */
  move(ms: number): void {
    this.moved += ms;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(this.moved)));
    writeSync(this.file, bytes, 0, 8, 0);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
