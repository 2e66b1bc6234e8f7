import { AxiosError, AxiosHeaders } from 'axios';
import { expect, it } from 'vitest';
import { serviceLog } from '../../../cli/log.js';

const secret = 'marker-0123456789';

function logged(detail: object): string {
  const lines: string[] = [];
  serviceLog('trace', { write: (line: string) => void lines.push(line) }).error(detail, 'something failed');
  return lines.join('');
}

it('takes out of an error what was sent, keys included, and leaves what has happened', () => {
  const headers = new AxiosHeaders({ 'x-apikey': secret, authorization: secret });
  const config = { headers, url: 'https://example.invalid/' };
  const response = { status: 401, statusText: 'no', data: secret, headers: { echo: secret }, config };
  const error = new AxiosError('Request failed with status code 401', 'ERR_BAD_REQUEST', config, { path: secret }, response);
  const line = logged({ err: error, run: 'r1', step: 'lookup-hashes' });
  expect(line).not.toContain(secret);
  expect(JSON.parse(line) as object).toMatchObject({ run: 'r1', step: 'lookup-hashes', msg: 'something failed', err: { message: error.message } });
});

it.each([
  { headers: { authorization: secret } },
  { authorization: secret },
  { request: { authorization: secret } },
  { err: new Error('x', { cause: Object.assign(new Error('y'), { config: { key: secret } }) }) },
])('takes headers and the like out of every line (%#)', (detail) => {
  expect(logged(detail)).not.toContain(secret);
});
