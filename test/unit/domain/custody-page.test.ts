import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkpointSchema } from '../../../playbooks/domain/checkpoint.js';
import { custodyActs, custodyEntrySchema } from '../../../playbooks/domain/custody.js';
import { custodyDetails } from '../../../playbooks/domain/custody-details.js';

const page = readFileSync('docs/custody.md', 'utf8');
const rows = new Map(Array.from(page.matchAll(/^\| `([a-z.-]+)` \|.*$/gm), ([row, name = '']) => [name, row] as const));
/** Outcomes of steps, and kinds of artifacts, have the details of the first of them. */
const same: Partial<Record<string, string>> = {
  'step.failed': 'step.finished',
  'step.skipped': 'step.finished',
  'artifact.known': 'artifact.stored',
  'artifact.left': 'artifact.stored',
};

/** Names of the fields of an object and of the objects in it. What the request and an amended report hold is told elsewhere. */
function fieldsOf(schema: z.ZodType): string[] {
  const shape = schema instanceof z.ZodObject ? schema.shape : {};
  return Object.entries<z.ZodType>(shape).flatMap(([name, inner]) => [
    name,
    ...(name === 'request' || name === 'report' || name === 'origin' ? [] : fieldsOf(unwrapped(inner))),
  ]);
}

function unwrapped(schema: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional) return unwrapped(schema.unwrap());
  return schema instanceof z.ZodType ? schema : z.never();
}

describe('the page about custody', () => {
  test.each(custodyActs)('tells of %s, and of each field of its detail', (act) => {
    const row = rows.get(same[act] ?? act);
    expect(rows.get(act)).toBeDefined();
    const missing = fieldsOf(custodyDetails[act]).filter((field) => !row?.includes(`\`${field}\``));
    expect(missing).toEqual([]);
  });

  test('tells of no act that there is none of', () => {
    const acts: ReadonlySet<string> = new Set(custodyActs);
    expect([...rows.keys()].filter((name) => name.includes('.') && !acts.has(name))).toEqual([]);
  });

  test('tells of each field of an entry and of a checkpoint', () => {
    for (const field of Object.keys(custodyEntrySchema.shape)) expect(rows.has(field), field).toBe(true);
    const checkpoints = page.slice(page.indexOf('## Checkpoints'), page.indexOf('## What the chain does not show'));
    for (const field of Object.keys(checkpointSchema.shape)) expect(checkpoints).toMatch(new RegExp(`[\`{ ]${field}[\`, ]`));
  });
});
