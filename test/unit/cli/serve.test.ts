import { describe, expect, it } from 'vitest';
import { type Service, serve } from '../../../cli/commands/serve.js';
import { fakeIo } from './fake-io.js';

const env = { PODTRIAGE_DATA: '/srv/data' };

function fakeService(overrides: Partial<Service> = {}): { service: Service; acts: string[] } {
  const acts: string[] = [];
  const service: Service = {
    start() {
      acts.push('start');
      return Promise.resolve({ url: 'http://127.0.0.1:7467' });
    },
    stop() {
      acts.push('stop');
      return Promise.resolve();
    },
    ...overrides,
  };
  return { service, acts };
}

describe('podtriage serve', () => {
  it('says where it listens and where the key is, and stops at the first signal', async () => {
    const io = fakeIo({ env });
    const { service, acts } = fakeService();
    const ended = serve(io, () => Promise.resolve(service));
    await io.said('podtriage listens at http://127.0.0.1:7467\nAPI key: /srv/data/api-key\n');
    expect(acts).toEqual(['start']);
    io.signal();
    expect(await ended).toBe(0);
    expect(acts).toEqual(['start', 'stop']);
    expect(io.exits).toEqual([]);
  });

  it('ends at once at the second signal', async () => {
    const io = fakeIo({ env });
    let release = (): void => undefined;
    const { service } = fakeService({ stop: () => new Promise((resolve) => (release = resolve)) });
    const ended = serve(io, () => Promise.resolve(service));
    await io.said('podtriage listens');
    io.signal();
    await io.said('stopping');
    io.signal();
    expect(io.exits).toEqual([130]);
    release();
    await ended;
  });

  it('stops what was started when the start fails', async () => {
    const { service, acts } = fakeService({ start: () => Promise.reject(new Error('no cluster')) });
    await expect(serve(fakeIo({ env }), () => Promise.resolve(service))).rejects.toThrow('no cluster');
    expect(acts).toEqual(['stop']);
  });

  it('does not begin with a configuration that is wrong', async () => {
    const io = fakeIo({ env: { ...env, PODTRIAGE_PORT: 'x' } });
    await expect(serve(io, () => Promise.reject(new Error('created')))).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
