import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the node keeps outside of every pod. Both marks are in no pod: who has one in the evidence has been on the node. */
export class NodeSecret {
  /** Plain words, so that a link target of the suspect can name it. */
  readonly folder: string;
  private readonly name = `named-${randomUUID()}`;
  private readonly content = `of-the-node-${randomUUID()}`;

  constructor(label: string) {
    this.folder = `/opt/podtriage-secret-${label}`;
    rmSync(this.folder, { recursive: true, force: true });
    for (const folder of ['.', 'fs', 'sub', 'data']) {
      mkdirSync(join(this.folder, folder), { recursive: true });
      // `f` is what a swapped directory seems to hold; the other name nobody can guess. `data` is for a volume, whose names may be listed.
      for (const name of folder === 'data' ? ['f'] : ['f', this.name]) writeFileSync(join(this.folder, folder, name), `${this.content}\n`);
    }
  }

  /** Files below a folder that hold the secret content, or the name that only a listing of the node can give. */
  leaks(folder: string): string[] {
    return execFileSync('bash', ['-c', `grep -rlF -e ${this.name} -e ${this.content} . || true`], { cwd: folder, encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
