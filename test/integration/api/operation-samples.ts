import type { RedisApiKeys } from '../../../store/api-keys.js';
import type { Door } from './door.js';
import { finish, listChanges } from './fakes.js';
import type { MatrixParts } from './matrix-parts.js';
import { artifactOf, at, changeOf, hex, lookupOf } from './samples.js';

/** What a sample can put things into, and the namespace that they are to be of. */
export interface Stage {
  readonly door: Door;
  readonly ring: RedisApiKeys;
  readonly parts: MatrixParts;
  readonly namespace: string;
}

/** A value for a path parameter, and whatever has to be there for it. */
type PathValue = (stage: Stage) => string | Promise<string>;

/** What who may do an operation sends, and gets. */
export interface Sample {
  readonly body?: (namespace: string) => object;
  readonly query?: string;
  /** Path parameters that are others than in `pathValues`. */
  readonly path?: Readonly<Record<string, PathValue>>;
  /** What else has to be there. Of a list: something of the namespace that its answer tells by its text. */
  readonly stage?: (stage: Stage) => Promise<string> | string;
  /** The status for who may. */
  readonly ok: number;
  /**
   * What becomes of a caller who does not reach the namespace: the thing is not found; he is told that he may not act there; it is left out of a list;
   * or it is all the `same`, as there is nothing of a namespace in it. An operation for admins has no such caller.
   */
  readonly foreign: 'not-found' | 'forbidden' | 'left-out' | 'same' | 'nobody';
}

const content = 'evidence.bin';

/** Opens a run that is still under way. */
async function freshRun({ door, namespace }: Stage): Promise<string> {
  const target = { cluster: 'default', namespace, pod: 'web-0' };
  return door.runs.open({ target, playbook: 'a-f-02' } as Parameters<Door['runs']['open']>[0], 'key:test');
}

/** Opens a run that has ended with all that there can be of it. */
async function endedRun(stage: Stage): Promise<string> {
  const { runs, evidence } = stage.door;
  const run = await freshRun(stage);
  listChanges(runs, evidence, run, [changeOf('bin/x')]);
  const row = evidence.keep('');
  runs.step(run, 'locate-node', 'succeeded', { processes: { sha256: row, count: 0, fileless: 0, executables: 0 } });
  evidence.keep(content);
  runs.of(run).artifacts = [artifactOf(content)];
  runs.of(run).lookups = [lookupOf('one')];
  finish(runs, evidence, run, 'suspicious');
  return run;
}

async function heldRun(stage: Stage): Promise<string> {
  const run = await endedRun(stage);
  stage.door.runs.change(run, { held: { by: 'key:test', since: at, reason: 'r' } });
  return run;
}

/** Keeps a fleet report, and has a batch that has it. */
function reportedBatch({ door, namespace, parts }: Stage): string {
  const report = { version: 1, batch: `b${'0'.repeat(19)}`, at, groups: [], pods: [], unknown: [], artifacts: [], left: 0 };
  return parts.batch(namespace, 'completed', door.evidence.keep(JSON.stringify(report)));
}

const runningBatch: PathValue = ({ namespace, parts }) => parts.batch(namespace, 'running');
const pausedBatch: PathValue = ({ namespace, parts }) => parts.batch(namespace, 'paused');

/** A value for each path parameter of the contract, by its name. */
export const pathValues: Readonly<Record<string, PathValue>> = {
  run: endedRun,
  artifact: () => hex(content),
  sha256: ({ door }) => {
    door.office.known.set(hex('asked'), { state: 'waiting' });
    return hex('asked');
  },
  playbook: () => 'a-f-02',
  file: () => 'swagger-ui.css',
  // Of an intake.
  name: () => 'edr',
  batch: reportedBatch,
  delivery: async (stage) => stage.parts.delivery(stage.namespace, await freshRun(stage)),
  key: async ({ ring }) => (await ring.create({ name: 'sample', scopes: ['runs:read'], reach: 'all' }, 'key:test')).id,
};

/** What an intake says of an alert that has led to a run. */
const opened = (): string => '"outcome":"opened"';

const hidden: Sample = { ok: 200, foreign: 'not-found' };
const common: Sample = { ok: 200, foreign: 'same' };
const reason = (): object => ({ reason: 'r' });

/** A sample for each operation of the contract that needs a credential, by its operationId. */
export const samples: Readonly<Record<string, Sample>> = {
  // It tells of all namespaces at once.
  metrics: { ok: 200, foreign: 'forbidden' },
  openRun: { ok: 202, foreign: 'forbidden', body: (namespace) => ({ target: { namespace, pod: 'web-0' } }) },
  listRuns: { ok: 200, foreign: 'left-out', stage: endedRun },
  getRun: hidden,
  streamEvents: hidden,
  cancelRun: { ok: 202, foreign: 'not-found', path: { run: freshRun } },
  holdEvidence: { ok: 200, foreign: 'nobody', body: reason },
  releaseEvidence: { ok: 200, foreign: 'nobody', body: reason, path: { run: heldRun } },
  destroyEvidence: { ok: 202, foreign: 'nobody', body: reason },
  listSteps: hidden,
  listChanges: hidden,
  listProcesses: hidden,
  listArtifacts: hidden,
  getArtifact: hidden,
  listLookups: hidden,
  listCustody: hidden,
  listRegister: { ok: 200, foreign: 'left-out', stage: endedRun, query: '?limit=1000' },
  getReport: hidden,
  // A run that has not ended has none.
  getBag: { ok: 409, foreign: 'not-found', path: { run: freshRun } },
  getSummary: hidden,
  listRunDeliveries: hidden,
  listDeliveries: { ok: 200, foreign: 'left-out', stage: async (stage) => stage.parts.delivery(stage.namespace, await freshRun(stage)) },
  resendDelivery: { ok: 202, foreign: 'nobody' },
  // Of endpoints, see their own tests: there is none here.
  listEndpoints: common,
  openBatch: { ok: 202, foreign: 'forbidden', body: (namespace) => ({ select: { where: { namespace } }, maxPods: 10 }) },
  listBatches: { ok: 200, foreign: 'left-out', stage: reportedBatch },
  getBatch: hidden,
  listBatchTargets: hidden,
  getBatchReport: hidden,
  pauseBatch: { ok: 202, foreign: 'not-found', path: { batch: runningBatch } },
  resumeBatch: { ok: 202, foreign: 'not-found', path: { batch: pausedBatch } },
  cancelBatch: { ok: 202, foreign: 'not-found', path: { batch: runningBatch } },
  retryBatch: { ok: 202, foreign: 'not-found' },
  takeFalcoEvent: {
    ok: 202,
    foreign: 'left-out',
    stage: opened,
    body: (namespace) => ({ rule: 'Terminal shell', output_fields: { 'k8s.ns.name': namespace, 'k8s.pod.name': 'web-0' } }),
  },
  takeAlertGroup: {
    ok: 202,
    foreign: 'left-out',
    stage: opened,
    body: (namespace) => ({ alerts: [{ status: 'firing', labels: { alertname: 'Egress', namespace, pod: 'web-0' } }] }),
  },
  listLeftAlerts: {
    ok: 200,
    foreign: 'left-out',
    stage: ({ namespace, parts }) => {
      const pod = `left-${parts.left.length}`;
      const counted = { count: 1, first: at, last: at, rules: [{ rule: 'Egress', count: 1 }] };
      parts.left.unshift({ subject: `default/${namespace}/${pod}`, reason: 'capped', ...counted });
      return pod;
    },
  },
  getQuota: common,
  askLookup: { ok: 202, foreign: 'same', body: () => ({ sha256: hex('ask') }) },
  // Of hashes that others have asked about.
  getLookup: hidden,
  listPlaybooks: common,
  getPlaybook: common,
  listKeys: { ok: 200, foreign: 'nobody' },
  createKey: { ok: 201, foreign: 'nobody', body: () => ({ name: 'made', scopes: ['runs:read'] }) },
  revokeKey: { ok: 204, foreign: 'nobody' },
  rotateKey: { ok: 200, foreign: 'nobody', body: () => ({}) },
};

/** The operations that need no credential. Who adds one gives a reason. */
export const open: Readonly<Record<string, string>> = {
  health: 'monitors ask it; it says nothing of any run',
  readiness: 'monitors ask it; it names checks, not what they found',
  contract: 'it is in the repository',
  docs: 'the contract as a page',
  docsFile: 'what the page is made of',
  publicKeys: 'who checks custody need not be trusted by us',
  reportSchema: 'it is in the repository',
};

/** The operations that check by themselves who sends, by a signature over a body of this type: without one they answer 401. */
export const selfChecked: Readonly<Record<string, 'json' | 'form'>> = {
  takeWebhook: 'json',
  takeSlackCommand: 'form',
};
