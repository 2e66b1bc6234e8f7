import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStand, type Stand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

it('makes a key, lists it without its secret, gives it a new one and ends it', async () => {
  const create = ['keys', 'create', '--name', 'SOAR', '--scope', 'runs:read', '--scope', 'runs:write'];
  const made = await stand.run(...create, '--namespace', 'default/shop', '--namespace', 'east/*', '--expires', '90d');
  expect(made).toMatchObject({ code: 0 });
  // The secret alone, for a file.
  expect(made.stdout).toMatch(/^pt_[0-9a-f]{16}_[\w-]{43}\n$/);
  expect(made.stderr).toContain('runs:read, runs:write; reaches default/shop,east/*; expires at');
  const id = made.stdout.slice(3, 19);
  const listed = await stand.run('keys');
  expect(listed.stdout).toContain(id);
  expect(listed.stdout).not.toContain(made.stdout.trim());
  expect(JSON.parse((await stand.run('keys', '--json')).stdout)).toMatchObject([
    { id, name: 'SOAR', scopes: ['runs:read', 'runs:write'], reach: [{ namespace: 'shop' }, { cluster: 'east', namespace: '*' }] },
  ]);
  const rotated = await stand.run('keys', 'rotate', id, '--grace', '1h');
  expect(rotated).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^pt_${id}_`)) as string });
  expect(rotated.stderr).toContain('the old secret counts until');
  expect(await stand.run('keys', 'revoke', id)).toMatchObject({ code: 0, stdout: '' });
  expect(await stand.run('keys', 'rotate', id)).toMatchObject({ code: 1, stdout: '' });
});

it.each([
  ['no scope', ['keys', 'create', '--name', 'x']],
  ['a scope that is none', ['keys', 'create', '--name', 'x', '--scope', 'root']],
  ['a namespace without its cluster', ['keys', 'create', '--name', 'x', '--scope', 'runs:read', '--namespace', 'shop']],
  ['a time that is none', ['keys', 'create', '--name', 'x', '--scope', 'runs:read', '--expires', 'soon']],
])('makes none of %s', async (_what, words) => {
  expect(await stand.run(...words)).toMatchObject({ code: 1, stdout: '' });
});
