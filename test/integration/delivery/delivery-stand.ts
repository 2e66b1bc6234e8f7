import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { type EndpointsConfig, parseEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import { RedisDeliveryOffice } from '../../../store/delivery-office.js';
import type { DeliveryView } from '../../../store/delivery-record.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openEndpoints } from '../../../workers/adapters/delivery/open-endpoints.js';
import type { Runner, RunnerOptions } from '../../../workers/runner/create-runner.js';
import type { Engine } from '../engine/engine.js';
import { LateEngine } from '../engine/late-engine.js';
import { LateSource } from '../engine/late-source.js';
import { Receiver } from './receiver.js';

export const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
export const otherSecret = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

/** Real Redis, real runs, a real receiver; and a clock that the test moves. */
export class DeliveryStand {
  readonly logged: string[] = [];
  /** How far the clock is ahead, in ms. */
  ahead = 0;

  private constructor(
    readonly it: LateEngine,
    readonly source: LateSource,
    readonly receiver: Receiver,
  ) {}

  static async create(engine: Engine): Promise<DeliveryStand> {
    const source = new LateSource();
    const stand = new DeliveryStand(await LateEngine.create(engine, source), source, await Receiver.listen());
    await mkdir(stand.folder, { recursive: true });
    await writeFile(join(stand.folder, 'soar'), secret, { mode: 0o600 });
    await writeFile(join(stand.folder, 'team'), otherSecret, { mode: 0o600 });
    return stand;
  }

  get engine(): Engine {
    return this.it.engine;
  }

  get folder(): string {
    return join(this.engine.folder, 'endpoints');
  }

  readonly clock = (): Date => new Date(Date.now() + this.ahead);

  /** Endpoints `soar` (all), and `team` (verdict.ready, namespace bank). */
  get config(): EndpointsConfig {
    const soar = { name: 'soar', kind: 'webhook', url: this.receiver.url, secretFile: join(this.folder, 'soar') };
    const reach = [{ cluster: 'default', namespace: 'bank' }];
    const team = { ...soar, name: 'team', secretFile: join(this.folder, 'team'), milestones: ['verdict.ready'], reach };
    return parseEndpoints('endpoints.yaml', JSON.stringify({ endpoints: [soar, team], allow: { http: true, addresses: ['127.0.0.0/8'] } }));
  }

  get office(): RedisDeliveryOffice {
    const { redis, keys, queues, signer, folder } = this.engine;
    const texts = new SignedTexts(signer, keyRing(folder), () => undefined);
    return new RedisDeliveryOffice({ redis, keys, queues, clock: this.clock }, texts, this.config.endpoints);
  }

  async runner(options: Partial<RunnerOptions> = {}, config = this.config): Promise<Runner> {
    const logger: Logger = pino({ level: 'trace' }, { write: (line: string) => this.logged.push(line) });
    const endpoints = await openEndpoints(config);
    return this.it.runner({ endpoints, ...options.ports }, { logger, clock: this.clock, ...options });
  }

  open(
    playbook = 'few',
    { notify = ['soar'], namespace = 'shop', lookups = {} }: { notify?: string[]; namespace?: string; lookups?: object } = {},
  ): Promise<string> {
    const request = { target: { namespace, pod: 'web-0' }, playbook, caseId: 'INC-7', notify, options: { lookups } };
    return this.it.commander.open(runRequestSchema.parse(request), 'key:test');
  }

  async deliveries(run: string): Promise<readonly DeliveryView[]> {
    return (await this.office.list({ reach: 'all', about: run, limit: 100 })).deliveries;
  }

  /** Waits until the deliveries of a run are as wanted. */
  async until(run: string, wanted: (deliveries: readonly DeliveryView[]) => boolean, ms = 30_000): Promise<readonly DeliveryView[]> {
    for (const end = Date.now() + ms; ; ) {
      const found = await this.deliveries(run);
      if (wanted(found)) return found;
      if (Date.now() > end)
        throw new Error(`the deliveries of ${run} did not get there: ${JSON.stringify(found)}\n${this.logged.slice(-20).join('')}`);
      await sleep(20);
    }
  }

  /** All of them have ended in this state, and there are so many. */
  ended(run: string, count: number, state: DeliveryView['state'] = 'delivered'): Promise<readonly DeliveryView[]> {
    return this.until(run, (all) => all.length === count && all.every((each) => each.state === state));
  }

  /** The only delivery of a run, as it is. */
  async single(run: string): Promise<DeliveryView> {
    const [delivery, ...others] = await this.deliveries(run);
    if (delivery === undefined || others.length > 0) throw new Error(`run ${run} has ${others.length} other deliveries, or none`);
    return delivery;
  }

  /** What the receiver was told, in the order of milestones. */
  types(): string[] {
    return this.receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  }

  close(): void {
    this.receiver.close();
  }
}
