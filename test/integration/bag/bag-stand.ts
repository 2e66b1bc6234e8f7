import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type RunningApi, startApi } from '../../../api/server.js';
import { ApiClient } from '../../../cli/client.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { RedisBagSource } from '../../../store/bag/source.js';
import { loadRules } from '../../../store/definitions.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { PublicKeys } from '../../../store/public-keys.js';
import { QuotaLedger } from '../../../store/quota.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { openDoor, secret } from '../api/door.js';
import { type RunningCommand, startCommand } from '../cli/command.js';
import type { Engine } from '../engine/engine.js';
import { fakePorts } from '../engine/fake-ports.js';
import { LateSource } from '../engine/late-source.js';
import { bagPlaybooks, type TakenFile } from './bag-playbook.js';

/** What the runs of a stand take, unless a test says otherwise: names that are no names of files, equal contents, an empty one, one that stays on the node. */
export const hostileFiles: readonly TakenFile[] = [
  { name: 'tmp/miner', content: `\x7fELF${'m'.repeat(5_000)}` },
  { name: '../../etc/cron.d/x\n', content: 'evil' },
  { name: 'tmp/%0a%25', content: 'evil' },
  { name: 'tmp/empty', content: '' },
  { name: 'tmp/large', content: Buffer.alloc(3 * 1024 * 1024, 'large') },
  { name: 'tmp/left', content: 'stays on the node', left: true },
];

/** A real run with its evidence on disk, the real API over it, and the command as its client. */
export class BagStand {
  readonly source = new LateSource();
  readonly logged: string[] = [];

  private constructor(
    readonly engine: Engine,
    /** For what the command writes. */
    readonly folder: string,
    readonly evidence: EvidenceKeeper,
    readonly files: readonly TakenFile[],
    private readonly apis: RunningApi[] = [],
  ) {}

  static async create(engine: Engine, files: readonly TakenFile[] = hostileFiles): Promise<BagStand> {
    const folder = await mkdtemp(join(tmpdir(), 'pt-bag-'));
    await new QuotaLedger(engine.redis, engine.keys, keyId(''), {}).answered();
    const stand = new BagStand(engine, folder, await createDiskEvidence(join(engine.folder, 'evidence')), files);
    await engine.runner({
      playbooks: bagPlaybooks(files),
      rules: await loadRules('playbooks/rules'),
      ports: { ...fakePorts, intel: stand.source, evidence: stand.evidence },
      timings: { amendDebounceMs: 100 },
    });
    return stand;
  }

  /** Opens a run; it is not waited for. */
  open(request: Partial<RunRequest> & { lookups?: object } = {}): Promise<string> {
    const { redis, keys, custody, queues } = this.engine;
    const { lookups = {}, ...rest } = request;
    const commander = new RedisRunCommander({ redis, keys, custody, queues, playbooks: bagPlaybooks(this.files), retryDelayMs: 20 });
    const whole = { target: { namespace: 'shop', pod: 'web-0' }, playbook: 'files', options: { lookups }, ...rest };
    return commander.open(runRequestSchema.parse(whole), 'key:test');
  }

  /** A run that has ended. */
  async run(request: Partial<RunRequest> = {}): Promise<string> {
    const run = await this.open(request);
    await this.engine.ended(run);
    return run;
  }

  /** The API over it. */
  async api(evidence: EvidencePort = this.evidence): Promise<RunningApi> {
    const { redis, keys, custody, reader, folder } = this.engine;
    const { app } = openDoor({
      runs: reader,
      evidence,
      acts: new RedisEvidenceActs(custody, reader),
      bags: new RedisBagSource(redis, keys),
      publicKeys: () => new PublicKeys(folder).all(),
      log: pino({ level: 'warn' }, { write: (line: string) => this.logged.push(line) }),
      storeTimeoutMs: 5_000,
    });
    const api = await startApi(app, '127.0.0.1', 0);
    this.apis.push(api);
    return api;
  }

  /** Asks the API as a caller with a key. */
  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const api = this.apis.at(-1) ?? (await this.api());
    return fetch(`${api.url}${path}`, { headers: { Authorization: `Bearer ${secret}`, ...headers } });
  }

  /** The client of the command, in this process. */
  async client(): Promise<ApiClient> {
    const api = this.apis.at(-1) ?? (await this.api());
    return new ApiClient({ url: api.url, key: secret, localEvidence: undefined });
  }

  /** The command, in a process of its own. */
  async start(words: readonly string[], env: Record<string, string> = {}): Promise<RunningCommand> {
    const api = this.apis.at(-1) ?? (await this.api());
    return startCommand(words, { PODTRIAGE_URL: api.url, PODTRIAGE_API_KEY: secret, PODTRIAGE_DATA: this.folder, ...env });
  }

  async close(): Promise<void> {
    await Promise.all(this.apis.map((api) => api.stop(100)));
    await rm(this.folder, { recursive: true });
  }
}
