import { displayText } from '../../playbooks/domain/path-name.js';

const maxStderrBytes = 16 * 1024;

/** Keeps the first 16 KiB of stderr and forgets the rest. */
export class StderrHead {
  private readonly chunks: Buffer[] = [];
  private size = 0;

  add(chunk: Buffer): void {
    const part = chunk.subarray(0, maxStderrBytes - this.size);
    if (part.length === 0) return;
    this.chunks.push(Buffer.from(part));
    this.size += part.length;
  }

  /** Safe to print: only line ends remain of all control characters. */
  text(): string {
    const lines = Buffer.concat(this.chunks).toString('latin1').split('\n');
    const safe = lines.map((line) => displayText(Buffer.from(line, 'latin1')));
    return safe.join('\n').trimEnd();
  }
}
