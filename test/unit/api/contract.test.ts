import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { contractFile } from '../../../api/contract.js';
import { artifactKinds, artifactSchema, contentTypes } from '../../../playbooks/domain/artifact.js';
import { changeSchema, entryTypes } from '../../../playbooks/domain/change.js';
import { custodyEntrySchema } from '../../../playbooks/domain/custody.js';
import { lookupSchema, lookupStatuses } from '../../../playbooks/domain/lookup.js';
import { limitsSchema, runRequestSchema, targetSchema } from '../../../playbooks/domain/request.js';
import { runStates, stepStates } from '../../../playbooks/domain/run.js';
import { verdictLevels } from '../../../playbooks/domain/verdict.js';

interface Schema {
  type?: string;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  additionalProperties?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
}
const contract = parse(readFileSync(contractFile(), 'utf8')) as { components: { schemas: Record<string, Schema> }; paths: Record<string, object> };
const { schemas } = contract.components;
const schema = (name: string): Schema => schemas[name]!;
const property = (name: string, field: string): Schema => schema(name).properties![field]!;

describe('the contract', () => {
  it.each([
    ['run states', schema('RunState'), runStates],
    ['step states', property('Step', 'state'), stepStates],
    ['verdict levels', schema('VerdictLevel'), verdictLevels],
    ['lookup statuses', property('Lookup', 'status'), lookupStatuses],
    ['artifact kinds', property('Artifact', 'kind'), artifactKinds],
    ['contents', property('Artifact', 'content'), contentTypes],
    ['entry types', property('Change', 'type'), entryTypes],
  ])('has the %s of the domain', (_what, { enum: values }, expected) => {
    expect(values).toEqual(expected);
  });

  it.each([
    ['Change', changeSchema],
    ['Artifact', artifactSchema],
    ['Lookup', lookupSchema],
    ['CustodyEntry', custodyEntrySchema],
    ['RunRequest', runRequestSchema],
    ['Target', targetSchema],
    ['Limits', limitsSchema],
  ] as const)('has the fields of %s, no more and no less', (name, domain) => {
    expect(Object.keys(schema(name).properties!).sort()).toEqual(Object.keys(domain.shape).sort());
    const needed = Object.entries<z.ZodType>(domain.shape).flatMap(([field, type]) => (type.safeParse(undefined).success ? [] : [field]));
    expect([...(schema(name).required ?? [])].sort()).toEqual(needed.sort());
  });

  it('bounds what a run may take as the domain does', () => {
    const bounds = z.toJSONSchema(limitsSchema, { io: 'input' }).properties as Record<string, { exclusiveMinimum: number; maximum: number }>;
    for (const [field, { exclusiveMinimum, maximum }] of Object.entries(bounds))
      expect([field, property('Limits', field).minimum, property('Limits', field).maximum]).toEqual([field, exclusiveMinimum + 1, maximum]);
  });

  it('is strict: every object says what it may hold, but those that are free on purpose', () => {
    const loose = Object.entries(schemas).flatMap(([name, found]) => looseObjects(found, name));
    expect(loose).toEqual(['Step.facts', 'CustodyEntry.detail']);
  });

  it('takes and refuses the same names as the domain', () => {
    const pod = schema('Subdomain');
    const takes = (text: string) => text.length <= pod.maxLength! && new RegExp(pod.pattern!, 'u').test(text);
    const names = fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9.\-\n]{0,300}$/), fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,252}$/));
    fc.assert(
      fc.property(names, (name) => {
        expect(takes(name)).toBe(targetSchema.safeParse({ namespace: 'ns', pod: name }).success);
      }),
    );
  });
});

function looseObjects(found: Schema, path: string): string[] {
  const inner = Object.entries(found.properties ?? {}).flatMap(([name, child]) => looseObjects(child, `${path}.${name}`));
  return found.type === 'object' && found.additionalProperties !== false ? [path, ...inner] : inner;
}
