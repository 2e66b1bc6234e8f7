import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiDeps } from '../../../api/deps.js';
import { type RunningApi, startApi } from '../../../api/server.js';
import { packageRoot } from '../../../store/package-root.js';
import { type Door, openDoor, secret } from '../api/door.js';

/** An API on fakes that listens, and the command as its client. */
export interface Stand {
  readonly door: Door;
  readonly api: RunningApi;
  readonly folder: string;
  /** Starts the command with its streams as pipes. */
  start(...words: string[]): RunningCommand;
  run(...words: string[]): Promise<Outcome>;
  close(): Promise<void>;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** All that it has said on stderr so far. */
  said(): string;
  /** Waits until stderr holds `text`. */
  says(text: string): Promise<void>;
  readonly outcome: Promise<Outcome>;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function openStand(overrides: Partial<ApiDeps> = {}): Promise<Stand> {
  const door = openDoor(overrides);
  const api = await startApi(door.app, '127.0.0.1', 0);
  const folder = await mkdtemp(join(tmpdir(), 'pt-cli-'));
  const env = { PODTRIAGE_URL: api.url, PODTRIAGE_API_KEY: secret, PODTRIAGE_DATA: folder };
  const start = (...words: string[]): RunningCommand => startCommand(words, env);
  return {
    door,
    api,
    folder,
    start,
    run: (...words) => start(...words).outcome,
    async close() {
      await api.stop(100);
      await rm(folder, { recursive: true });
    },
  };
}

/** Starts the command as a process of its own with just this environment. */
export function startCommand(words: readonly string[], env: Readonly<Record<string, string>>): RunningCommand {
  const main = join(packageRoot(), 'cli', 'main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...words], {
    cwd: packageRoot(),
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const outcome = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return {
    child,
    said: () => stderr,
    outcome,
    async says(text) {
      while (!stderr.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the command ended without saying "${text}": ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
