import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceConfig } from '../../../cli/config.js';
import { checkEndpoints, checkIntakes } from '../../../cli/file-checks.js';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const endpoints = `endpoints:
  - { name: soar, kind: webhook, url: "https://hooks.example/", secretFile: soar-secret }
  - { name: soc, kind: slack, channel: C0123456789, tokenFile: token }`;
const intakes = `rules: [{ name: shell, playbook: a-f-02, notify: [soar] }]
generic: [{ name: edr, secretFile: edr-secret, reach: all, fields: { containerId: /id } }]
slack: { signingSecretFile: signing, teams: [T0123], users: [U0123], channels: [C0123], notifyEndpoint: soc, reach: all, playbook: a-f-02 }`;

let folder: string;
let config: Pick<ServiceConfig, 'intakes' | 'endpoints' | 'cluster' | 'publicUrl'>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-files-'));
  const [intakesFile, endpointsFile] = [join(folder, 'intakes.yaml'), join(folder, 'endpoints.yaml')];
  const cluster = { name: 'default', kubeconfig: undefined };
  config = { intakes: { file: intakesFile }, endpoints: { file: endpointsFile }, cluster, publicUrl: undefined };
  await write('intakes.yaml', intakes);
  await write('endpoints.yaml', endpoints);
  await write('soar-secret', secret);
  await write('edr-secret', secret);
  await write('token', 'xoxb-0123456789-abcdef');
  await write('signing', '0123456789abcdef0123456789abcdef');
});
afterEach(() => rm(folder, { recursive: true }));

function write(name: string, text: string): Promise<void> {
  return writeFile(join(folder, name), text, { mode: 0o600 });
}

describe('what doctor says of the files of intakes and endpoints', () => {
  it('is that there are none, where none are configured', async () => {
    const none = { ...config, intakes: { file: undefined }, endpoints: { file: undefined } };
    expect(await checkIntakes(none)).toEqual({ ok: true, found: 'none (PODTRIAGE_INTAKES)' });
    expect(await checkEndpoints(none)).toEqual({ ok: true, found: 'none (PODTRIAGE_ENDPOINTS)' });
  });

  it('is what is in them, and no secret', async () => {
    expect(await checkIntakes(config)).toEqual({ ok: true, found: 'rules: shell; generic sources: edr; commands of Slack' });
    expect(await checkEndpoints(config)).toEqual({ ok: true, found: 'soar, soc' });
  });

  it.each([
    ['intakes.yaml', intakes.replace('notify:', 'cooldownMinutes: -1, notify:'), 'PODTRIAGE_INTAKES: FILE: rules[0] "shell" cooldownMinutes: '],
    [
      'intakes.yaml',
      intakes.replace('a-f-02, notify', 'a-f-2, notify'),
      'PODTRIAGE_INTAKES: FILE: rule "shell" playbook: there is no playbook "a-f-2"',
    ],
    ['intakes.yaml', intakes.replace('[soar]', '[sorry]'), 'FILE: rule "shell" notify: there is no endpoint "sorry"; see PODTRIAGE_ENDPOINTS'],
    ['intakes.yaml', intakes.replace('Endpoint: soc', 'Endpoint: soar'), 'FILE: slack notifyEndpoint: there is no endpoint "soar" of kind slack'],
    ['edr-secret', 'hush-hush', 'intakes.yaml: generic "edr" secretFile: FILE: each line must be whsec_'],
    ['signing', 'short', "intakes.yaml: slack signingSecretFile: FILE: must hold the app's signing secret"],
    ['endpoints.yaml', endpoints.replace('https', 'http'), 'PODTRIAGE_ENDPOINTS: FILE:\n  endpoints.0.url: must be https'],
  ])('is what the service would not start with: %s', async (name, text, said) => {
    await write(name, text);
    await expect(checkIntakes(config)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(said.replace('FILE', join(folder, name))) as string,
    });
  });

  it.each([
    ['soar-secret', 'hush-hush', 'endpoint "soar" secretFile: FILE: each line must be whsec_'],
    ['token', 'hush-hush', 'endpoint "soc" tokenFile: FILE: must hold the bot\'s token alone'],
  ])('is what is wrong with a secret of an endpoint, and not the secret: %s', async (name, text, said) => {
    await write(name, text);
    const check = checkEndpoints(config);
    await expect(check).rejects.toThrow(`PODTRIAGE_ENDPOINTS: ${said.replace('FILE', join(folder, name))}`);
    await expect(check).rejects.not.toThrow(/hush/);
  });

  it('is which file or secret is not there, which is as it should be where another process reads it', async () => {
    await rm(join(folder, 'token'));
    const token = `not here: PODTRIAGE_ENDPOINTS: endpoint "soc" tokenFile: there is no file ${join(folder, 'token')}`;
    expect(await checkEndpoints(config)).toMatchObject({ ok: 'warn', found: token, todo: expect.stringContaining('only workers') as string });
    for (const name of ['signing', 'edr-secret', 'intakes.yaml']) {
      await rm(join(folder, name));
      const found = expect.stringMatching(`^not here: .*${join(folder, name)}`) as string;
      expect(await checkIntakes(config)).toMatchObject({ ok: 'warn', found, todo: expect.stringContaining('only the API') as string });
    }
  });

  it('is what is wrong with that which is there, whatever is not, and that the file of endpoints is not there', async () => {
    await rm(join(folder, 'soar-secret'));
    await write('token', 'hush-hush');
    await expect(checkEndpoints(config)).rejects.toThrow('endpoint "soc" tokenFile');
    await rm(join(folder, 'endpoints.yaml'));
    await expect(checkEndpoints(config)).rejects.toThrow('endpoints.yaml cannot be read');
    await expect(checkIntakes(config)).rejects.toThrow('endpoints.yaml cannot be read');
  });

  it('is which secret is not private', async () => {
    await chmod(join(folder, 'edr-secret'), 0o644);
    await expect(checkIntakes(config)).rejects.toThrow(`generic "edr" secretFile: everybody can read ${join(folder, 'edr-secret')}`);
  });
});
