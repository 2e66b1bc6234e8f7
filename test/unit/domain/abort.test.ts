import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { afterMs } from '../../../playbooks/domain/abort.js';

describe('afterMs', () => {
  it('is aborted with a TriageError', async () => {
    const signal = afterMs(5, 'too late', 'node-unreachable');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    expect(signal.reason).toMatchObject({ code: 'node-unreachable', message: 'too late' });
  });

  it('fires inside AbortSignal.any although garbage is collected meanwhile', () => {
    const module = join(import.meta.dirname, '../../../playbooks/domain/abort.ts');
    const script = `
      const { afterMs } = await import(${JSON.stringify(module)});
      const other = new AbortController();
      const wait = () => new Promise((resolve) => AbortSignal.any([other.signal, afterMs(100)]).addEventListener('abort', () => resolve('fired')));
      const fired = wait();
      for (let round = 0; round < 5; round += 1) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)); }
      console.log(await Promise.race([fired, new Promise((resolve) => setTimeout(() => resolve('lost'), 3000))]));`;
    const args = ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('fired');
  });

  it('is used wherever signals are joined, as AbortSignal.timeout can be lost there', () => {
    const root = join(import.meta.dirname, '../../..');
    const found = execFileSync('bash', ['-c', 'grep -rln "AbortSignal.timeout(" --include=*.ts api workers store playbooks cli || true'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(found.split('\n').filter((file) => file !== '' && file !== 'playbooks/domain/abort.ts')).toEqual([]);
  });
});
