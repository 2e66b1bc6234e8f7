import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { catalog } from '../../../playbooks/catalog.js';
import { parsePlaybook } from '../../../playbooks/playbook.js';
import { boardOf, defineStep } from '../../../playbooks/step.js';

const locate = defineStep({
  name: 'locate',
  summary: 's',
  queue: 'cluster',
  permissions: [],
  needs: [],
  uses: [],
  writes: ['node'],
  params: z.strictObject({ depth: z.int().default(1) }),
  timeoutMs: 1,
  attempts: 1,
  run: () => Promise.resolve({ node: { name: 'n', address: 'a' } }),
});
const close = defineStep({ ...closing(), name: 'close', needs: ['node'] });
const steps = [locate, close];

function closing() {
  return {
    summary: 's',
    queue: 'evidence' as const,
    permissions: [],
    needs: [] as const,
    uses: [],
    writes: [],
    params: z.strictObject({}),
    timeoutMs: 1,
    attempts: 1,
    closes: true,
    run: () => Promise.resolve({}),
  };
}

const text = (list: string) => `name: p\ntitle: t\nsummary: s\nsteps:\n${list}`;

describe('parsePlaybook', () => {
  it('binds parameters and pins the file by its sha256', () => {
    const playbook = parsePlaybook('p.yaml', text('  - step: locate\n    params: { depth: 2 }\n  - step: close\n'), steps);
    expect(playbook.steps.map(({ step }) => step.name)).toEqual(['locate', 'close']);
    expect(playbook.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['an unknown step', '  - step: nothing\n', /p\.yaml: steps\[0\]\.step: there is no step "nothing"; known: locate, close/],
    ['a bad parameter', '  - step: locate\n    params: { depth: deep }\n  - step: close\n', /p\.yaml: step locate, params: .*depth/s],
    ['an unknown parameter', '  - step: locate\n    params: { width: 1 }\n  - step: close\n', /p\.yaml: step locate, params: .*width/s],
    [
      'a fact that is needed before it is written',
      '  - step: close\n  - step: locate\n',
      /p\.yaml: step close: needs "node", which no earlier step writes/,
    ],
    ['a step twice', '  - step: locate\n  - step: locate\n  - step: close\n', /step locate: stands in the list twice/],
    ['no closing step', '  - step: locate\n', /step locate: the last step must be one that closes the run/],
    ['an unknown field', '  - step: locate\n    when: x\n  - step: close\n', /p\.yaml: .*when/s],
    ['YAML that is none', '  - step: [\n', /p\.yaml: /],
    ['an alias bomb', '  - &a { step: locate }\n  - *a\n', /p\.yaml: |alias/i],
  ])('refuses %s, naming file, step and field', (_, list, message) => {
    expect(() => parsePlaybook('p.yaml', text(list), steps)).toThrow(message);
  });

  it('accepts every playbook that comes with the project', () => {
    const folder = join(import.meta.dirname, '../../../playbooks/definitions');
    for (const file of readdirSync(folder))
      expect(parsePlaybook(file, readFileSync(join(folder, file), 'utf8'), catalog).steps.length).toBeGreaterThan(0);
  });
});

describe('a bound step', () => {
  it('refuses facts that do not have the shape that was promised', async () => {
    const bad = defineStep({ ...closing(), name: 'bad', writes: ['node'] as const, run: () => Promise.resolve({ node: { name: 1 } as never }) });
    await expect(bad.bind({})({}, {} as never)).rejects.toMatchObject({ code: 'internal' });
  });

  it('refuses a fact above 256 KiB', async () => {
    const big = defineStep({
      ...closing(),
      name: 'big',
      writes: ['node'] as const,
      run: () => Promise.resolve({ node: { name: 'n', address: 'x'.repeat(270_000) } }),
    });
    await expect(big.bind({})({}, {} as never)).rejects.toMatchObject({ code: 'limit-exceeded' });
  });
});

describe('boardOf', () => {
  it('leaves out unknown facts and those that do not parse', () => {
    expect(boardOf([{ node: { name: 'n', address: 'a' }, target: 3, constructor: 1 }])).toEqual({ node: { name: 'n', address: 'a' } });
  });
});

describe('the catalog', () => {
  it('has a step for each file under steps/, by its name', () => {
    const files = readdirSync(join(import.meta.dirname, '../../../playbooks/steps')).map((file) => file.replace(/\.ts$/, ''));
    expect(catalog.map(({ name }) => name).every((name) => files.includes(name))).toBe(true);
    expect(new Set(catalog.map(({ name }) => name)).size).toBe(catalog.length);
  });
});
