import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../../store/package-root.js';
import { withEngine } from '../engine/with-engine.js';
import { Attacker } from './attacker.js';
import { BagStand } from './bag-stand.js';
import { makeBag } from './made-bags.js';

const run = promisify(execFile);
const engine = withEngine();
let stand: BagStand;
beforeEach(async () => {
  stand = await BagStand.create(engine());
});
afterEach(() => stand.close());

/** The commands of docs/verify.md, as they stand there. */
async function commands(): Promise<string> {
  const page = await readFile(join(packageRoot(), 'docs/verify.md'), 'utf8');
  return Array.from(page.matchAll(/^```sh\n(.*?)^```$/gms), ([, block = '']) => block).join('');
}

test('the commands of docs/verify.md accept a bag, and refuse one that has been tampered with', async () => {
  const script = join(stand.folder, 'verify.sh');
  await writeFile(script, await commands());
  const bag = await makeBag(stand, await stand.run(), 'bag', 'plain');
  const accepted = await run('sh', ['-x', script], { cwd: bag }).catch((error: unknown) => error);
  expect(accepted).not.toBeInstanceOf(Error);
  const attacks: Readonly<Record<string, (attacker: Attacker) => void>> = {
    'an altered entry': (it) => it.edit('data/custody.ndjson', (text) => text.replace('"actor":"', '"actor":"x')),
    'a dropped entry': (it) => it.writeLines('data/custody.ndjson', it.lines('data/custody.ndjson').toSpliced(3, 1)),
    'a cut tail': (it) => it.writeLines('data/custody.ndjson', it.lines('data/custody.ndjson').slice(0, -1)),
    'an altered record': (it) => it.edit('data/steps.ndjson', (text) => text.replace('succeeded', 'failed')),
    'an altered report': (it) => it.edit('data/report.md', (text) => `${text}clean\n`),
    'an altered artifact': (it) => it.write(it.files().find((file) => file.startsWith('data/artifacts/')) ?? '', 'clean'),
    'a register without the run': (it) => it.write('data/register.ndjson', ''),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    const attacker = Attacker.of(bag, join(stand.folder, 'tampered'));
    attack(attacker);
    attacker.cover();
    await expect(run('sh', [script], { cwd: attacker.folder }), name).rejects.toThrow();
    await rm(attacker.folder, { recursive: true });
  }
});
