import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContentScanner } from '../playbooks/content/content-scanner.js';
import { loadHashLists } from '../workers/adapters/hash-lists/hash-lists.js';

const million = 1_000_000;
const chunkBytes = 64 * 1024;

/**
 * MB a second of processor time of the scanner of contents, of ordinary bytes and of such as are made to be slow; then a hash list of a million
 * lines: seconds to load, growth of memory at its peak, microseconds to find. Processor time, so that others on the machine count less.
 */
export async function content(): Promise<Record<string, unknown>> {
  // First, as memory is compared with what the process has before.
  const list = await hashList();
  const speeds: Record<string, number> = {};
  for (const [name, bytes] of await inputs()) {
    speeds[name] = Math.round(Math.max(...[0, 1, 2].map(() => speedOf(bytes))));
    process.stdout.write(`${name}: ${speeds[name]} MB/s\n`);
  }
  return { mb_per_s: speeds, ...list };
}

async function inputs(): Promise<(readonly [string, Buffer])[]> {
  const bytes = 32 * million;
  const repeated = (text: string) => Buffer.from(text.repeat(Math.ceil(bytes / text.length)), 'latin1');
  return [
    ['program', await readFile(process.execPath)],
    ['random', randomBytes(bytes)],
    ['zeros', Buffer.alloc(bytes)],
    ['log', repeated('2026-11-26T12:34:56.789Z INFO web[17]: GET /index.html 200 1234 "Mozilla/5.0 (X11)" 10.0.0.7\n')],
    ['base64', Buffer.from(randomBytes(bytes).toString('base64'))],
    ['colons', repeated(':')],
    ['schemes', repeated('http://')],
    ['urls', repeated('http://a.example.org/x ')],
    ['addresses', repeated('1.2.3.4:80 ')],
    ['wide', Buffer.from('1.2.3.4:80 http://a.example.org '.repeat(million / 2), 'utf16le')],
    ['wallets', repeated('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb ')],
  ];
}

function speedOf(bytes: Buffer): number {
  const scanner = new ContentScanner();
  const before = process.cpuUsage();
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.update(bytes.subarray(at, at + chunkBytes));
  scanner.finish();
  const { user, system } = process.cpuUsage(before);
  return bytes.length / (user + system);
}

async function hashList(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'podtriage-bench-'));
  try {
    const path = join(folder, 'list');
    execFileSync('sh', ['-c', `head -c ${million * 32} /dev/urandom | od -An -v -tx1 -w32 | tr -d ' ' >"$1"`, 'sh', path]);
    const [memory, before] = [process.memoryUsage.rss(), process.cpuUsage()];
    const lists = await loadHashLists({ good: [path], bad: [] }, new AbortController().signal);
    const { user, system } = process.cpuUsage(before);
    const growth = process.resourceUsage().maxRSS / 1_024 - memory / 1_024 ** 2;
    const wanted = Array.from({ length: 10_000 }, () => randomBytes(32).toString('hex'));
    const asked = performance.now();
    for (const hash of wanted) lists.find(hash);
    const micros = ((performance.now() - asked) / wanted.length) * 1_000;
    return {
      list_hashes: lists.lists[0]?.hashes ?? 0,
      list_cpu_s: round((user + system) / million),
      list_peak_mib: Math.round(growth),
      find_us: round(micros),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
