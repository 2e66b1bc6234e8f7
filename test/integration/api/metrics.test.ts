import supertest from 'supertest';
import { expect, test } from 'vitest';
import type { ApiDeps, Metrics } from '../../../api/deps.js';
import type { Reach, Scope } from '../../../playbooks/domain/access.js';
import { openDoor } from './door.js';

const page = (): ReturnType<Metrics['page']> => Promise.resolve({ type: 'text/plain; version=0.0.4; charset=utf-8', text: 'sample 1\n' });

/** A door whose one key has these rights. */
function doorFor(scopes: readonly Scope[], reach: Reach): ReturnType<typeof openDoor> {
  const keys: ApiDeps['keys'] = { verify: () => Promise.resolve({ id: '0123456789abcdef', name: 'prometheus', scopes, reach }) };
  return openDoor({ keys, metrics: { open: false, page } });
}

test('metrics go to a key that reads runs everywhere', async () => {
  const answer = await doorFor(['runs:read'], 'all').get('/metrics').expect(200);
  expect([answer.text, answer.get('content-type')]).toEqual(['sample 1\n', 'text/plain; version=0.0.4; charset=utf-8']);
});

test.each<[string, readonly Scope[], Reach]>([
  ['reads runs in one namespace only', ['runs:read'], [{ cluster: 'default', namespace: 'shop' }]],
  ['is the admin of one cluster only', ['admin'], [{ cluster: 'default', namespace: '*' }]],
  ['may read no runs', ['evidence:read'], 'all'],
])('not to one that %s', async (_what, scopes, reach) => {
  const answer = await doorFor(scopes, reach).get('/metrics').expect(403);
  expect(answer.body).toMatchObject({ code: 'forbidden' });
});

test('nor to nobody, unless the operator says so', async () => {
  await supertest(openDoor({ metrics: { open: false, page } }).app)
    .get('/metrics')
    .expect(401);
  const answer = await supertest(openDoor({ metrics: { open: true, page } }).app)
    .get('/metrics')
    .expect(200);
  expect(answer.text).toBe('sample 1\n');
});
