import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { HostileServers } from './hostile-server.js';

const apiKey = 'secret0123456789';
const sha256 = 'c'.repeat(64);
const servers = new HostileServers();

afterEach(() => servers.close());

async function ask(url: string, signal = new AbortController().signal): Promise<TriageError> {
  const error: unknown = await createVirusTotal({ url, apiKeys: [{ key: apiKey, limits: {} }], timeoutMs: 500, maxBytes: 64 * 1024 })
    .lookup(sha256, signal)
    .catch((reason: unknown) => reason);
  if (!(error instanceof TriageError)) throw new Error(`expected a failure, got ${inspect(error)}`);
  expect(everythingIn(error)).not.toContain(apiKey);
  return error;
}

function everythingIn(error: TriageError): string {
  return inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + JSON.stringify(error.cause) + String(error.stack);
}

describe('stopping', () => {
  it('ends the request with the reason of the signal', async () => {
    const controller = new AbortController();
    const address = await servers.listen(() => controller.abort(new TriageError('timeout', 'the step took too long')));
    expect((await ask(`http://${address}`, controller.signal)).code).toBe('timeout');
  });

  it('asks nothing once stopped', async () => {
    let asked = 0;
    const address = await servers.listen((socket) => {
      asked += 1;
      socket.end();
    });
    expect((await ask(`http://${address}`, AbortSignal.abort('shutdown'))).code).toBe('cancelled');
    expect(asked).toBe(0);
  });
});

describe('settings', () => {
  it.each([{ url: 'ftp://x' }, { url: 'https://user:pw@x' }, { url: 'nonsense' }, { key: '' }, { key: 'a\nb' }])(
    'that cannot work are refused without showing them: %o',
    ({ key = apiKey, ...bad }: { key?: string; url?: string }) => {
      expect(() => createVirusTotal({ apiKeys: [{ key, limits: {} }], ...bad })).toThrow(/PODTRIAGE_VT_(URL|KEY_FILE)/);
    },
  );
});
