import { readFileSync } from 'node:fs';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contractFile } from '../../../api/contract.js';
import { type Reach, type Scope, scopes } from '../../../playbooks/domain/access.js';
import type { Door } from './door.js';
import { MatrixParts } from './matrix-parts.js';
import { open, pathValues, type Sample, type Stage, samples, selfChecked } from './operation-samples.js';
import { openRealAccess, type RealAccess } from './real-access.js';

/** Every operation of the contract, with every kind of caller. The rows are made of the contract: a new operation fails until it has a sample. */
const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;
const samplesFile = 'test/integration/api/operation-samples.ts';

interface ContractOperation {
  readonly operationId: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}
interface Operation {
  readonly id: string;
  readonly method: (typeof methods)[number];
  readonly path: string;
  readonly security: ContractOperation['security'];
}

const contract = parse(readFileSync(contractFile(), 'utf8')) as { paths: Record<string, Partial<Record<string, ContractOperation>>> };
const operations: readonly Operation[] = Object.entries(contract.paths).flatMap(([path, item]) =>
  methods.flatMap((method) => {
    const found = item[method];
    return found === undefined ? [] : [{ id: found.operationId, method, path, security: found.security }];
  }),
);
const sampled = (operation: Operation): boolean =>
  operation.id in samples && parametersOf(operation.path).every((name) => name in pathsOf(operation.id));
const guarded = operations.filter((operation) => operation.security?.length !== 0 && sampled(operation));
const unguarded = operations.filter(({ security }) => security?.length === 0);

const own = 'shop';
const foreign = 'vault';
const bounded: Reach = [{ cluster: 'default', namespace: own }];
const boundable: readonly Scope[] = scopes.filter((scope) => scope !== 'admin');

let real: RealAccess;
let door: Door;
const parts = new MatrixParts();
const keys = { expired: '', admin: '', boundedAll: '' } as Record<'expired' | 'admin' | 'boundedAll' | Scope, string>;

beforeAll(async () => {
  real = await openRealAccess();
  door = await real.open({}, parts.overrides());
  keys.admin = await real.secretOf({});
  keys.boundedAll = await real.secretOf({ scopes: boundable, reach: bounded });
  for (const scope of scopes) keys[scope] = await real.secretOf({ scopes: [scope] });
  keys.expired = await real.secretOf({ expiresAt: new Date(Date.now() + 50) });
  await new Promise((resolve) => setTimeout(resolve, 60));
});
afterAll(() => real.close());

describe('the contract', () => {
  it.each(operations.map(({ id, ...rest }) => [id, rest] as const))(
    'says of %s which one scope it needs, alike for both headers, or that it is open',
    (id, { security }) => {
      if (security?.length === 0) {
        expect(Object.keys({ ...open, ...selfChecked }), `an operation without a credential: if it must be so, say why in ${samplesFile}`).toContain(
          id,
        );
        return;
      }
      expect(security).toHaveLength(2);
      const [bearer, header] = security ?? [];
      expect(scopes.map((scope) => ({ bearer: [scope] }))).toContainEqual(bearer);
      expect(header).toEqual({ header: bearer?.['bearer'] });
    },
  );

  it.each(operations.map(({ id, ...rest }) => [id, rest] as const))('has a sample for %s', (id, { path, security }) => {
    for (const name of parametersOf(path))
      expect(Object.keys(pathsOf(id)), `a path parameter of ${path}: add a value for it to \`pathValues\` in ${samplesFile}`).toContain(name);
    if (security?.length !== 0) expect(Object.keys(samples), `an operation: add what it is sent to \`samples\` in ${samplesFile}`).toContain(id);
  });

  it('has an operation for every sample', () => {
    const ids = operations.map(({ id }) => id);
    for (const id of Object.keys({ ...samples, ...open, ...selfChecked })) expect(ids).toContain(id);
  });
});

describe.each(unguarded.map((operation) => [operation.id, operation] as const))('%s', (id, operation) => {
  it('is open to all, or asks for a signature', async () => {
    const request = send(operation, undefined, await pathOf(operation, stageOf(own)));
    const type = selfChecked[id];
    expect((type === undefined ? await request : await request.type(type).send({})).status).toBe(type === undefined ? 200 : 401);
  });
});

describe.each(guarded.map((operation) => [operation.id, operation] as const))('%s', (_id, operation) => {
  const needed = operation.security?.[0]?.['bearer'] as readonly Scope[];

  it.each([
    ['no key', () => undefined],
    ['a key that is not known', () => `pt_0123456789abcdef_${'w'.repeat(43)}`],
    ['a key that has expired', () => keys.expired],
  ])('sends away who has %s', async (_what, secret) => {
    // Guesses are slowed down.
    await real.redis.del('{test}:guesses:wrong:127.0.0.1', '{test}:guesses');
    const answer = await send(operation, secret(), await pathOf(operation, stageOf(own)), bodyOf(operation, own));
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ code: 'unauthorized' });
  });

  it.each(scopes.map((scope) => [scope]))('with the scope %s', async (scope) => {
    const { answer, mark } = await call(operation, keys[scope], own);
    if (scope === 'admin' || needed.includes(scope)) {
      expect(answer.status).toBe(sampleOf(operation).ok);
      if (mark !== undefined) expect(answer.text).toContain(mark);
    } else {
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining(needed.join()) as string });
    }
  });

  it('from who reaches another namespace', async () => {
    const { ok, foreign: outcome } = sampleOf(operation);
    const { answer, mark } = await call(operation, keys.boundedAll, foreign);
    if (outcome === 'nobody') {
      expect(needed).toEqual(['admin']);
      expect(answer.status).toBe(403);
      return;
    }
    expect(answer.status).toBe({ 'not-found': 404, forbidden: 403, 'left-out': ok, same: ok }[outcome]);
    if (outcome === 'left-out') expect(answer.text).not.toContain(mark ?? foreign);
    if (answer.status === 404) expect(answer.body).toMatchObject({ code: 'not-found' });
    expect(answer.text).not.toContain(`"${foreign}"`);
  });

  it('from who reaches its namespace alone', async () => {
    const { ok, foreign: outcome } = sampleOf(operation);
    if (outcome === 'nobody' || operation.id === 'metrics' || operation.id === 'getLookup') return;
    const { answer, mark } = await call(operation, keys.boundedAll, own);
    expect(answer.status).toBe(ok);
    if (mark !== undefined) expect(answer.text).toContain(mark);
  });

  it('from who reaches all', async () => {
    const { answer, mark } = await call(operation, keys.admin, foreign);
    expect(answer.status).toBe(sampleOf(operation).ok);
    if (mark !== undefined) expect(answer.text).toContain(mark);
  });
});

function stageOf(namespace: string): Stage {
  return { door, ring: real.ring, parts, namespace };
}

function parametersOf(path: string): string[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
}

function pathsOf(id: string): typeof pathValues {
  return { ...pathValues, ...samples[id]?.path };
}

function sampleOf({ id }: Operation): Sample {
  return samples[id]!;
}

function bodyOf(operation: Operation, namespace: string): object | undefined {
  return sampleOf(operation).body?.(namespace);
}

async function call(operation: Operation, secret: string, namespace: string): Promise<{ answer: supertest.Response; mark: string | undefined }> {
  const stage = stageOf(namespace);
  const mark = await sampleOf(operation).stage?.(stage);
  return { answer: await send(operation, secret, await pathOf(operation, stage), bodyOf(operation, namespace)), mark };
}

/** The path with values for its parameters. */
async function pathOf({ id, path }: Operation, stage: Stage): Promise<string> {
  let filled = path;
  for (const name of parametersOf(path)) filled = filled.replace(`{${name}}`, await pathsOf(id)[name]!(stage));
  return `${filled}${samples[id]?.query ?? ''}`;
}

function send({ method }: Operation, secret: string | undefined, path: string, body?: object): supertest.Test {
  const request = supertest(door.app)[method](path);
  if (secret !== undefined) request.set('Authorization', `Bearer ${secret}`);
  return body === undefined ? request : request.send(body);
}
