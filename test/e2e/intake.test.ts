import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload } from '../unit/intake/payloads.js';
import { kubectl } from './lab.js';
import { TestService } from './service.js';

// Answers never come: what is reported is what can be known without them.
const rules = `rules:
  - name: shells
    intakes: [falco]
    alertRules: ["Terminal shell*", "Drop and execute*", "Unexpected UDP*"]
    namespaces: [shop]
    options: { lookups: { deadlineSeconds: 2 } }
    cooldownMinutes: 0
  - name: workload
    intakes: [alertmanager]
    minPriority: warning
    options: { lookups: { deadlineSeconds: 2 } }
    cooldownMinutes: 0
`;

interface Answer {
  status: number;
  body: { alerts: { outcome: string; run?: string; reason?: string }[] };
}

let service: TestService;
const folder = mkdtempSync(join(tmpdir(), 'podtriage-intakes-'));

beforeAll(async () => {
  writeFileSync(join(folder, 'intakes.yaml'), rules);
  service = await TestService.start({ PODTRIAGE_INTAKES: join(folder, 'intakes.yaml') });
  service.virusTotal.spend('e2e-key', 100_000);
});

afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

function falco(name: string, fields: object, more: object = {}): Promise<Answer> {
  const event = payload(name);
  return service.post('/intake/falco', { ...event, ...more, output_fields: { ...(event['output_fields'] as object), ...fields } });
}

async function uidOf(pod: string): Promise<string> {
  return kubectl('get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');
}

describe('an event of Falco', () => {
  it('leads to a written report, and the pod may be killed soon, with no quota left', async () => {
    const uid = await uidOf('web-a');
    const since = Date.now();
    const { status, body } = await falco('falcosidekick', { 'k8s.pod.name': 'web-a', 'k8s.pod.uid': uid });
    expect({ status, body }).toMatchObject({ status: 202, body: { alerts: [{ outcome: 'opened' }] } });
    const run = body.alerts[0]!.run!;
    expect(await falco('falco-shell', { 'k8s.pod.name': 'web-a' })).toMatchObject({ body: { alerts: [{ outcome: 'attached', run }] } });
    const view = await service.ended(run);
    const { acquisitionFinished = '', reportWritten = '' } = view.milestones;
    const seconds = (at: string): string => ((Date.parse(at) - since) / 1_000).toFixed(1);
    console.log(`from alert to acquisition.finished ${seconds(acquisitionFinished)} s, to report.written ${seconds(reportWritten)} s`);
    expect(view).toMatchObject({
      state: 'completed',
      verdict: 'suspicious',
      origin: { trigger: { intake: 'falco', rule: 'Drop and execute new binary in container', startedBy: 'shells' } },
      triggers: { count: 2 },
    });
    expect((await service.api(`/runs/${run}/report?format=json`)).status).toBe(200);
  });

  it.each([
    ['containerd', 'clean-a'],
    ['CRI-O', 'clean-b'],
  ])('that names a container of %s only leads to a run of its pod', async (_runtime, pod) => {
    const id = (await kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}')).split('//')[1]!;
    const answer = await falco('falco-container-only', { 'container.id': id.slice(0, 12) });
    expect(answer.body.alerts).toMatchObject([{ outcome: 'resolving' }]);
    const run = await runOf(pod);
    expect(await service.ended(run)).toMatchObject({ state: 'completed', request: { target: { pod } }, triggers: { count: 1 } });
  });

  it('about a namespace that no rule names starts nothing', async () => {
    const { body } = await falco('falco-shell', { 'k8s.ns.name': 'kube-system' });
    expect(body.alerts).toMatchObject([{ outcome: 'ignored', reason: 'no rule' }]);
  });
});

describe('a group of alerts of Alertmanager', () => {
  it('leads to one run a pod', async () => {
    const alerts = [
      ['CpuBusy', 'web-b'],
      ['Egress', 'web-b'],
      ['CpuBusy', 'gone-b'],
    ].map(([alertname, pod], n) => ({
      status: 'firing',
      labels: { alertname, severity: 'critical', namespace: 'shop', pod },
      fingerprint: `e2e${n}`,
    }));
    const { body } = (await service.post('/intake/alertmanager', { version: '4', status: 'firing', alerts })) as Answer;
    const [first, second, third] = body.alerts.map(({ run }) => run!);
    expect(second).toBe(first);
    expect(await service.ended(first!)).toMatchObject({ state: 'completed', verdict: 'suspicious', triggers: { count: 2 } });
    expect(await service.ended(third!)).toMatchObject({ state: 'failed', error: { code: 'pod-not-found' } });
  });
});

/** The run that is about a pod. */
async function runOf(pod: string): Promise<string> {
  for (;;) {
    const { runs } = (await service.api('/runs')).body as { runs: { id: string; request: { target: { pod: string } } }[] };
    const found = runs.find(({ request }) => request.target.pod === pod);
    if (found !== undefined) return found.id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
