import type { Express } from 'express';
import { type Logger, pino } from 'pino';
import supertest from 'supertest';
import { createApi } from '../../../api/app.js';
import type { ApiDeps } from '../../../api/deps.js';
import type { PlaybookView } from '../../../api/playbook-view.js';
import { onCluster } from '../../../playbooks/permission.js';
import { fakeAccess } from './fake-access.js';
import { FakeBags } from './fake-bags.js';
import { FakeBatches } from './fake-batches.js';
import { FakeClaims } from './fake-claims.js';
import { FakeDeliveries } from './fake-deliveries.js';
import { FakeLife } from './fake-life.js';
import { FakeActs, FakeEvidence, FakeOffice, FakeRuns, Signer } from './fakes.js';

export const secret = `pt_0123456789abcdef_${'s'.repeat(43)}`;

/** An API on fakes of its ports, holding itself to the contract. */
export interface Door {
  readonly app: Express;
  readonly runs: FakeRuns;
  readonly evidence: FakeEvidence;
  readonly acts: FakeActs;
  readonly office: FakeOffice;
  readonly batches: FakeBatches;
  readonly signer: Signer;
  /** All that was logged. */
  readonly logged: string[];
  get(path: string): supertest.Test;
  post(path: string, body?: unknown): supertest.Test;
  delete(path: string, body: object): supertest.Test;
}

/** A playbook as a service gives it. */
const samplePlaybook: PlaybookView = {
  name: 'a-f-02',
  title: 'File analysis',
  summary: 'Looks at files.',
  sha256: '0'.repeat(64),
  steps: [
    { name: 'locate-node', summary: 'Finds the pod', queue: 'cluster', params: { some: 5 }, permissions: [onCluster('get', 'pods')] },
    { name: 'write-report', summary: 'Writes the report', queue: 'evidence', params: {}, permissions: [] },
  ],
  permissions: [onCluster('get', 'pods')],
};

export function openDoor(overrides: Partial<ApiDeps> = {}): Door {
  const signer = new Signer();
  const runs = new FakeRuns(signer);
  const evidence = new FakeEvidence();
  const acts = new FakeActs();
  const office = new FakeOffice();
  const batches = new FakeBatches();
  const logged: string[] = [];
  const log: Logger = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) });
  const app = createApi({
    runs,
    commander: runs,
    claims: new FakeClaims(),
    evidence,
    acts,
    bags: new FakeBags(runs),
    life: new FakeLife(runs),
    lookups: office,
    batches,
    maxBatchPods: 100,
    endpoints: [],
    deliveries: new FakeDeliveries(),
    keys: { verify: (given) => Promise.resolve(given === secret ? { id: 'key-1', name: 'tester', scopes: ['admin'], reach: 'all' } : undefined) },
    access: fakeAccess(),
    playbooks: [samplePlaybook],
    clusters: ['default'],
    publicKeys: () => Promise.resolve([{ kid: signer.kid, key: signer.publicKey }]),
    ready: () => Promise.resolve([{ name: 'redis', ok: true }]),
    metrics: { open: false, page: () => Promise.resolve({ type: 'text/plain; version=0.0.4; charset=utf-8', text: 'sample 1\n' }) },
    log,
    version: '9.9.9',
    answers: 'enforce',
    storeTimeoutMs: 300,
    ...overrides,
  });
  const agent = supertest(app);
  const bearer = `Bearer ${secret}`;
  return {
    app,
    runs,
    evidence,
    acts,
    office,
    batches,
    signer,
    logged,
    get: (path) => agent.get(path).set('Authorization', bearer),
    post: (path, body) => {
      const request = agent.post(path).set('Authorization', bearer);
      return body === undefined ? request : request.send(body as object);
    },
    delete: (path, body) => agent.delete(path).set('Authorization', bearer).send(body),
  };
}

export const minimal = { target: { namespace: 'shop', pod: 'web-0' } };

/** Opens a run through the door and returns its id. */
export async function openRun(door: Door): Promise<string> {
  const answer = await door.post('/api/v1/runs', minimal).expect(202);
  return (answer.body as { id: string }).id;
}
