import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contractFile } from '../../../api/contract.js';

interface Media {
  readonly schema: { readonly $ref?: string; readonly type?: string };
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, Media>>;
}
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly schema: object;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Answer;
  readonly responses: Readonly<Record<string, Answer>>;
}

const contract = parse(readFileSync(contractFile(), 'utf8')) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };
const operations = Object.values(contract.paths).flatMap((item) => Object.values(item));

/** Follows references. */
function found<T extends { readonly $ref?: string }>(node: T): T {
  if (node.$ref === undefined) return node;
  const names = node.$ref.replace('#/', '').split('/');
  return found(names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], contract) as T);
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(contract, 'contract');

/** What an example breaks of its schema. */
function problems(schema: object, example: unknown): unknown {
  const text = JSON.stringify(schema).replaceAll('"#/', '"contract#/');
  const check = ajv.compile(JSON.parse(text) as object);
  return check(example) ? [] : check.errors;
}

/** All examples of a body; none where there is none. */
function examplesOf({ schema, example, examples }: Media): readonly unknown[] {
  const own = [example, ...Object.values(examples ?? {}).map(({ value }) => value), (found(schema) as { example?: unknown }).example];
  return own.filter((each) => each !== undefined);
}

/** Each JSON that an operation takes or gives, and what it is called in a message. */
function bodies({ operationId, requestBody, responses }: Operation): { readonly what: string; readonly media: Media }[] {
  const answers = Object.entries(responses).map(([status, answer]) => [`${operationId} ${status}`, answer] as const);
  const all = requestBody === undefined ? answers : [[`${operationId} body`, requestBody] as const, ...answers];
  return all.flatMap(([what, answer]) => {
    const content = Object.entries(found(answer).content ?? {});
    return content.filter(([type]) => type.endsWith('json') && !type.endsWith('x-ndjson')).map(([, media]) => ({ what, media }));
  });
}

describe.each(operations.map((operation) => [operation.operationId, operation] as const))('%s', (_id, operation) => {
  it('says what it is for, and has an example of each body that it takes and of its main answers', () => {
    expect(operation.summary).toMatch(/\.$/);
    const wanted = bodies(operation).filter(({ what }) => / (body|2\d\d)$/.test(what));
    expect(wanted.filter(({ media }) => examplesOf(media).length === 0).map(({ what }) => what)).toEqual([]);
  });

  it('has examples that fit', () => {
    for (const { what, media } of bodies(operation))
      for (const example of examplesOf(media)) expect([what, problems(media.schema, example)]).toEqual([what, []]);
    for (const parameter of (operation.parameters ?? []).map(found))
      if (parameter.example !== undefined) expect([parameter.name, problems(parameter.schema, parameter.example)]).toEqual([parameter.name, []]);
  });

  it('names each status that every operation can give', () => {
    const needed = operation.security?.length === 0 ? ['400'] : ['400', '401', '403', '429', '503'];
    const more = operation.requestBody === undefined ? [] : ['413', '415'];
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining([...needed, ...more, 'default']));
  });
});
