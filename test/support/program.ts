import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { sha256Of } from './wait.js';

/** The file of sleep(1). */
export const sleepProgram = execFileSync('readlink', ['-f', '/bin/sleep'], { encoding: 'utf8' }).trim();

/** A copy of sleep, somewhere else and with bytes of its own at its end. */
export function program(path: string, tail = randomBytes(16)): { path: string; sha256: string } {
  copyFileSync(sleepProgram, path);
  execFileSync('bash', ['-c', 'cat >>"$1"', 'x', path], { input: tail });
  chmodSync(path, 0o755);
  return { path, sha256: sha256Of(readFileSync(path)) };
}
