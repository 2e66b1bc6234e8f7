import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataFolder, readConfig } from '../../../cli/config.js';
import { workerConfig } from '../../../cli/worker-config.js';
import { openIntel } from '../../../workers/context.js';

const env = { PODTRIAGE_DATA: '/srv/data' };

describe('readConfig', () => {
  it('has a default for all but what only the operator can know', async () => {
    expect(await readConfig(env)).toEqual({
      batches: { maxPods: 1_000 },
      intakes: { file: undefined },
      publicUrl: undefined,
      data: { dir: '/srv/data', evidence: '/srv/data/evidence', apiKeyFile: '/srv/data/api-key', signingKeys: '/srv/data/keys' },
      keys: { given: { api: undefined, worker: undefined }, trusted: [] },
      evidence: { kind: 'disk', folder: '/srv/data/evidence' },
      redis: { url: undefined },
      api: { host: '127.0.0.1', port: 7467, metrics: 'key' },
      access: { proxies: 0, requestsPerMinute: 600, oidcFile: undefined },
      endpoints: { file: undefined },
      cluster: { name: 'default', kubeconfig: undefined },
      ssh: { user: undefined, keyFile: undefined, agent: undefined, port: 22, knownHosts: undefined },
      node: { sudo: ['sudo', '-n'], slots: 4, bandwidth: 0, nerdctl: 'nerdctl', ctr: 'ctr', containerdAddress: undefined },
      virusTotal: {
        url: 'https://www.virustotal.com/api/v3',
        keyFile: undefined,
        foundHours: 24,
        unknownMinutes: 60,
        upload: 'never',
        uploadBytes: 32 * 1024 ** 2,
      },
      hashLists: { good: [], bad: [] },
      worker: { lockSeconds: 60, inContainer: 'never', retentionDays: 90, view: { host: '127.0.0.1', port: undefined } },
      log: { level: 'info' },
    });
  });

  it('takes an empty variable for one that is not set', async () => {
    expect(await readConfig({ ...env, REDIS_URL: '', PODTRIAGE_PORT: '' })).toEqual(await readConfig(env));
  });

  it('names every variable that is wrong', async () => {
    const wrong = {
      ...env,
      PODTRIAGE_PORT: 'http',
      PODTRIAGE_NODE_SLOTS: '0',
      PODTRIAGE_CLUSTER: 'My Cluster',
      PODTRIAGE_VT_URL: 'virustotal',
      PODTRIAGE_LOG_LEVEL: 'loud',
    };
    const message = await readConfig(wrong).then(
      () => '',
      (error: unknown) => String(error),
    );
    for (const name of ['PODTRIAGE_PORT', 'PODTRIAGE_NODE_SLOTS', 'PODTRIAGE_CLUSTER', 'PODTRIAGE_VT_URL', 'PODTRIAGE_LOG_LEVEL'])
      expect(message).toContain(name);
  });

  it.each([
    ['PODTRIAGE_VT_KEY_FILE', {}],
    ['PODTRIAGE_SSH_KEY', {}],
    ['PODTRIAGE_KUBECONFIG', {}],
    ['PODTRIAGE_S3_CREDENTIALS_FILE', { PODTRIAGE_EVIDENCE: 's3://bucket' }],
  ])('wants the file of %s to be there and private', async (variable, more) => {
    const file = join(mkdtempSync(join(tmpdir(), 'pt-config-')), 'secret');
    await expect(readConfig({ ...env, ...more, [variable]: file })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(variable) as string,
    });
    writeFileSync(file, 'secret');
    chmodSync(file, 0o644);
    await expect(readConfig({ ...env, ...more, [variable]: file })).rejects.toMatchObject({
      message: expect.stringContaining('chmod 600') as string,
    });
    chmodSync(file, 0o600);
    expect(JSON.stringify(await readConfig({ ...env, ...more, [variable]: file }))).toContain(file);
  });

  it('has no quota of its own unless it is set', async () => {
    const { virusTotal } = await readConfig({
      ...env,
      PODTRIAGE_VT_PER_DAY: '100',
      PODTRIAGE_VT_FOUND_HOURS: '48',
      PODTRIAGE_VT_UNKNOWN_MINUTES: '5',
    });
    expect(virusTotal).toMatchObject({ perMinute: undefined, perDay: 100, perMonth: undefined, foundHours: 48, unknownMinutes: 5 });
    await expect(readConfig({ ...env, PODTRIAGE_VT_PER_DAY: '0' })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it.each(['never', 'private', 'public'])('lets content be given away only as PODTRIAGE_VT_UPLOAD says: %s', async (upload) => {
    const keyFile = join(mkdtempSync(join(tmpdir(), 'pt-config-')), 'key');
    writeFileSync(keyFile, 'k'.repeat(64), { mode: 0o600 });
    const given = { ...env, PODTRIAGE_VT_KEY_FILE: keyFile, PODTRIAGE_VT_UPLOAD_BYTES: '1000' };
    const config = workerConfig(await readConfig(upload === 'never' ? given : { ...given, PODTRIAGE_VT_UPLOAD: upload }));
    expect(config.virusTotal.uploads).toEqual({ mode: upload, maxBytes: 1_000 });
    expect((await openIntel(config))?.uploads === undefined).toBe(upload === 'never');
    await expect(readConfig({ ...given, PODTRIAGE_VT_UPLOAD: 'always' })).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(readConfig({ ...given, PODTRIAGE_VT_UPLOAD_BYTES: '700000000' })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('keeps evidence in a bucket where it is told to', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'pt-config-')), 's3');
    writeFileSync(file, 'id secret', { mode: 0o600 });
    const given = { ...env, PODTRIAGE_S3_CREDENTIALS_FILE: file };
    const plain = {
      kind: 's3',
      bucket: 'my.bucket',
      prefix: '',
      endpoint: undefined,
      region: 'us-east-1',
      credentialsFile: file,
      staging: '/srv/data/staging',
    };
    expect((await readConfig({ ...given, PODTRIAGE_EVIDENCE: 's3://my.bucket' })).evidence).toEqual(plain);
    const more = { PODTRIAGE_EVIDENCE: 's3://my.bucket/a/b_c/', PODTRIAGE_S3_ENDPOINT: 'http://s3:9000', PODTRIAGE_S3_REGION: 'eu-1' };
    expect((await readConfig({ ...given, ...more })).evidence).toEqual({ ...plain, prefix: 'a/b_c/', endpoint: 'http://s3:9000', region: 'eu-1' });
  });

  it.each(['/srv/evidence', 's3://', 's3://A', 's3://bucket/../up', 's3://bucket//a', 's3://bucket/a b', 'https://bucket'])(
    'does not keep evidence in %s',
    async (place) => {
      await expect(readConfig({ ...env, PODTRIAGE_EVIDENCE: place })).rejects.toMatchObject({
        code: 'config-invalid',
        message: expect.stringContaining('PODTRIAGE_EVIDENCE') as string,
      });
    },
  );

  it('wants a bucket and credentials, or neither', async () => {
    const half = [{ PODTRIAGE_EVIDENCE: 's3://bucket' }, { PODTRIAGE_S3_ENDPOINT: 'http://s3:9000' }];
    for (const each of half) await expect(readConfig({ ...env, ...each })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  it('gives the process of the API no credential of the workers, and does not look at them', async () => {
    const secrets = {
      PODTRIAGE_KUBECONFIG: '/secret/kubeconfig',
      PODTRIAGE_SSH_KEY: '/secret/key',
      SSH_AUTH_SOCK: '/secret/agent',
      PODTRIAGE_VT_KEY_FILE: '/secret/virustotal',
      PODTRIAGE_WORKER_SIGNING_KEY: '/secret/worker.pem',
    };
    expect(JSON.stringify(await readConfig({ ...env, ...secrets }, 'api'))).not.toContain('/secret/');
    await expect(readConfig({ ...env, ...secrets }, 'workers')).rejects.toMatchObject({ code: 'config-invalid' });
    expect((await readConfig({ ...env, PODTRIAGE_API_SIGNING_KEY: '/secret/api.pem' }, 'workers')).keys.given.api).toBeUndefined();
  });

  it('asks an agent only where there is no key', async () => {
    expect((await readConfig({ ...env, SSH_AUTH_SOCK: '/run/agent' })).ssh.agent).toBe('/run/agent');
  });
});

describe('dataFolder', () => {
  it('is in the home of the user unless told otherwise', () => {
    expect(dataFolder({ XDG_DATA_HOME: '/x' }).dir).toBe('/x/podtriage');
    expect(dataFolder({ XDG_DATA_HOME: '/x', PODTRIAGE_DATA: '/y' }).dir).toBe('/y');
  });
});
