import { expect, test } from 'vitest';
import { redisEndpoint } from '../../../store/redis.js';

test.each([
  ['/run/redis.sock', { path: '/run/redis.sock' }],
  ['unix:///run/redis.sock', { path: '/run/redis.sock' }],
  ['redis://cache', { host: 'cache', port: 6379, db: 0 }],
  ['redis://[::1]:7000/3', { host: '::1', port: 7000, db: 3 }],
  ['rediss://user:p%40ss@cache:6380', { host: 'cache', port: 6380, username: 'user', password: 'p@ss', tls: {} }],
])('%s is understood', (address, endpoint) => {
  expect(redisEndpoint(address)).toMatchObject(endpoint);
});

test.each(['', 'redis.sock', 'http://cache', 'redis://', 'redis://cache/x'])('"%s" is refused, and never repeated in the message', (address) => {
  expect(() => redisEndpoint(address)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
});

test('a worker waits for Redis, the API gives up', () => {
  expect(redisEndpoint('/s').maxRetriesPerRequest).toBeNull();
  expect(redisEndpoint('/s', 'fail').maxRetriesPerRequest).toBe(3);
});
