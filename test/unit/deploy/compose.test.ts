import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../store/package-root.js';
import { compose, composeFile } from '../../support/compose.js';

const { services, networks, secrets } = compose();
const named = Object.entries(services);

describe('docker-compose.yml', () => {
  it('is what the Compose Specification calls valid', () => {
    const schema = JSON.parse(readFileSync(join(packageRoot(), 'test/fixtures/compose/compose-spec.json'), 'utf8')) as object;
    const validate = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
    validate(composeFile());
    expect(validate.errors).toBeNull();
  });

  it.each(named)('%s can change nothing of its image, has no capability, and gains none', (_name, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service.user).not.toMatch(/^(0|root)\b/);
  });

  it.each(named)('%s has secrets as files alone', (_name, { environment, secrets: own }) => {
    const files = Object.entries(environment).filter(
      ([name]) => /KEY|PASSWORD|KUBECONFIG|KNOWN_HOSTS|CREDENTIALS/.test(name) && !name.includes('TRUSTED'),
    );
    for (const [, value] of files) expect(own).toContain(value.replace('/run/secrets/', ''));
    for (const secret of own) expect(secrets[secret]?.file).toMatch(/^\.\/secrets\//);
    expect(environment['REDIS_URL'] ?? '').not.toContain('@');
  });

  it('gives the API none of the secrets of the workers, and the workers not its key', () => {
    expect(services['api']?.secrets.sort()).toEqual(['api.pem', 'redis_password']);
    expect(services['worker']?.secrets).not.toContain('api.pem');
  });

  it('lets only the worker reach the outside, and callers only the API, from this machine', () => {
    expect(Object.fromEntries(named.map(([name, { networks: own }]) => [name, own]))).toEqual({
      redis: ['store'],
      api: ['store', 'door'],
      worker: ['store', 'outside'],
    });
    expect(networks['store']?.internal).toBe(true);
    expect(networks['door']?.driver_opts).toEqual({ 'com.docker.network.bridge.enable_ip_masquerade': 'false' });
    expect(named.flatMap(([name, { ports }]) => ports.map((port) => `${name} ${port}`))).toEqual(['api 127.0.0.1:7467:7467']);
  });
});
