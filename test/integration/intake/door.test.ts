import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IntakeSurroundings, openIntakes } from '../../../cli/door/intake.js';
import { withEngine } from '../engine/with-engine.js';
import { apiProcess } from './intake-stand.js';

const engine = withEngine();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let folder: string;
let api: ReturnType<typeof apiProcess>;
const stops: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-intakes-'));
  api = apiProcess(engine());
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  api.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the intakes that a file describes. */
function open(text: string | undefined, secrets = secret, mode = 0o600): ReturnType<typeof openIntakes> {
  const file = join(folder, 'intakes.yaml');
  writeFileSync(join(folder, 'secret'), `${secrets}\n`);
  chmodSync(join(folder, 'secret'), mode);
  if (text !== undefined) writeFileSync(file, text.replaceAll('FOLDER', folder));
  const { redis, keys, queues, texts, server } = engine();
  const { custody, commander, reader } = api;
  const names = { playbooks: new Set(['brief']), endpoints: new Set(['soc']) };
  const around: IntakeSurroundings = {
    redis,
    keys,
    queues,
    texts,
    custody,
    commander,
    reader,
    ...names,
    address: server.socket,
    log: pino({ level: 'silent' }),
    registry: new Registry(),
  };
  return openIntakes({ intakes: { file }, cluster: { name: 'default', kubeconfig: undefined } }, around, stops);
}

const generic = `rules: [{ name: a, playbook: brief, notify: [soc] }]
generic: [{ name: edr, secretFile: FOLDER/secret, reach: all, fields: { containerId: /id } }]`;

describe('the intakes of an installation', () => {
  it('are opened with their rules and secrets', async () => {
    const intake = await open(generic, `${secret}\n\n${secret}`);
    expect(intake!.secrets.get('edr')).toHaveLength(2);
    expect(stops).toHaveLength(1);
  });

  it.each([
    [undefined, 'cannot read'],
    ['rules: 5', 'rules'],
    ['rules: [{ name: a, playbook: missing }]', 'rule "a" playbook: there is no playbook "missing"; known: brief'],
    ['rules: [{ name: a, playbook: brief, notify: [soc, slack] }]', 'rule "a" notify: there is no endpoint "slack"'],
    ['rules: [{ name: a, playbook: brief, clusters: [east] }]', 'rule "a" clusters: no worker serves a cluster "east"'],
    [generic.replace('/secret', '/none'), 'generic "edr" secretFile: there is no file'],
  ])('are refused with what is wrong: %j', async (text, problem) => {
    await expect(open(text)).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining(problem) as string });
  });

  it.each([['whsec_dG9vc2hvcnQ='], ['not-a-secret'], ['whsec_!!!'], ['']])(
    'are refused with a secret that is none, which is not said',
    async (bad) => {
      const said = await open(generic, bad).catch((error: unknown) => (error as Error).message);
      expect(said).toContain('generic "edr" secretFile');
      if (bad !== '') expect(said).not.toContain(bad);
    },
  );

  it('are refused with a secret that everybody can read', async () => {
    await expect(open(generic, secret, 0o644)).rejects.toMatchObject({ message: expect.stringContaining('chmod 600') as string });
  });
});
