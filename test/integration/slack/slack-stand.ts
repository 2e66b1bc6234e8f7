import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openSlack } from '../../../cli/door/slack.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { SlackEmulator } from '../../emulators/slack.js';
import { type Door, openDoor } from '../api/door.js';
import type { Engine } from '../engine/engine.js';
import { apiProcess } from '../intake/intake-stand.js';

/** The part of PODTRIAGE_INTAKES that takes commands of Slack. */
export const slackConfig = `
slack:
  signingSecretFile: signing-secret
  teams: [T0123456789]
  users: [U0123456789, U0000000002]
  channels: [C0123456789]
  reach: [{ cluster: default, namespace: shop }]
  notifyEndpoint: soc
  playbook: brief
  responseHost: HOST
`;

/** An API that takes commands of Slack, on a real Redis. */
export class SlackStand {
  readonly logged: string[] = [];
  readonly api;
  door: Door;
  private readonly folder = mkdtempSync(join(tmpdir(), 'podtriage-slack-'));

  private constructor(
    private readonly engine: Engine,
    readonly slack: SlackEmulator,
  ) {
    this.api = apiProcess(engine);
    this.door = openDoor();
  }

  static async create(engine: Engine): Promise<SlackStand> {
    return new SlackStand(engine, await SlackEmulator.listen());
  }

  /** Opens the API with this configuration. Throws `config-invalid`. */
  async open(text = slackConfig, secret = this.slack.signingSecret): Promise<void> {
    const file = join(this.folder, 'intakes.yaml');
    writeFileSync(join(this.folder, 'signing-secret'), `${secret}\n`, { mode: 0o600 });
    const { keys, signer, folder } = this.engine;
    const texts = new SignedTexts(signer, keyRing(folder), () => undefined);
    const { custody, commander, reader, redis } = this.api;
    const opened = await openSlack(
      { intakes: { file }, cluster: { name: 'default', kubeconfig: undefined } },
      {
        intakes: parseIntakes(file, text.replace('HOST', JSON.stringify(this.slack.host))),
        ...{ redis, keys, texts, custody, commander, reader },
        playbooks: new Set(['brief']),
        endpoints: [
          { name: 'soc', kind: 'slack', reach: 'all' },
          { name: 'bank', kind: 'slack', reach: [{ cluster: 'default', namespace: 'bank' }] },
          { name: 'soar', kind: 'webhook', reach: 'all' },
        ],
        log: pino({ level: 'trace' }, { write: (line: string) => this.logged.push(line) }),
      },
    );
    this.door = openDoor({ ...opened, runs: reader, commander, storeTimeoutMs: 30_000 });
  }

  close(): void {
    this.slack.close();
    this.api.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
