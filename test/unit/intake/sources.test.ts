import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import { alertmanagerIntake } from '../../../api/intake/alertmanager.js';
import { falcoIntake } from '../../../api/intake/falco.js';
import { genericIntake } from '../../../api/intake/generic.js';
import type { Intake } from '../../../api/intake/intake.js';
import { safeText } from '../../../playbooks/domain/short-text.js';
import { alertSchema } from '../../../playbooks/domain/trigger.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import { payload } from './payloads.js';

const now = new Date('2026-11-26T12:00:00.000Z');
const hearing = { cluster: 'default', now };
const config = parseIntakes(
  'test.yaml',
  `rules: [{ name: all }]
alertmanager: { severities: { page: alert }, clusterLabel: cluster }
generic:
  - name: edr
    secretFile: /secret
    reach: all
    fields: { rule: /data/detection, priority: /data/severity, namespace: /data/resource/namespace, pod: /data/resource/pod,
              container: /data/resource/container, containerId: /data/resource/id, at: /timestamp, summary: /data/text }
    priorities: { high: critical, '2': error }`,
);
const falco = falcoIntake(config.falco);
const alertmanager = alertmanagerIntake(config.alertmanager);
const generic = (id: string): Intake => genericIntake(config.generic[0]!, id);
const hear = (intake: Intake, name: string) => intake(payload(name), hearing);
const pod = (name: string, more: object = {}) => ({ target: { cluster: 'default', namespace: 'shop', pod: name, ...more } });

describe('Falco', () => {
  it('names pod and container, and when it was', () => {
    const { alerts, ignored } = hear(falco, 'falco-shell');
    expect(ignored).toEqual([]);
    expect(alerts).toMatchObject([
      {
        intake: 'falco',
        rule: 'Terminal shell in container',
        priority: 'notice',
        at: '2026-11-26T10:16:22.924Z',
        suspect: pod('web-0', { container: 'web' }),
      },
    ]);
    expect(alerts[0]!.summary).toContain('A shell was spawned');
  });

  it.each([
    [
      'passes the uid on, through Falcosidekick',
      'falcosidekick',
      { priority: 'critical', suspect: { ...pod('web-0'), uid: '0f2f1c5e-1d5b-4a5e-9a4c-2f9c4d1f2b11' } },
    ],
    [
      'has names of k8smeta, and no output',
      'falco-k8smeta-no-output',
      { suspect: { ...pod('cart-7d9f6b5c4-x2x9q'), uid: '2a8c09ad-c921-46ef-abe4-b6e234255e8b' } },
    ],
    ['tells of an exec from the audit log', 'falco-audit', { rule: 'Attach/Exec Pod', suspect: pod('web-0') }],
    [
      'knows the container only',
      'falco-container-only',
      { suspect: { containerId: { cluster: 'default', id: '69d22f20d812', node: 'falco-4cvkq' } } },
    ],
  ])('%s', (_what, name, expected) => {
    expect(hear(falco, name).alerts).toMatchObject([expected]);
  });

  it('has another uid than the API server for static pods, which is not taken', () => {
    expect(hear(falco, 'falco-static-pod').alerts[0]!.suspect).toEqual({ target: { cluster: 'default', namespace: 'kube-system', pod: 'etcd-cp' } });
  });

  it.each([
    ['of a host is ignored', 'falco-host', 'an event of the host, not of a container'],
    ['with nothing but a rule is ignored', 'falco-nulls', 'it names neither a pod with its namespace nor a container'],
  ])('an event %s, with the reason', (_what, name, reason) => {
    expect(hear(falco, name)).toMatchObject({ alerts: [], ignored: [{ reason }] });
  });

  it('names the cluster in a field that the configuration names', () => {
    const body = { ...payload('falcosidekick'), output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': 'web-0', site: 'east' } };
    expect(falcoIntake({ clusterField: 'site' })(body, hearing).alerts[0]!.suspect).toMatchObject({ target: { cluster: 'east' } });
  });

  it('is the same alert when it is told again, and another one else', () => {
    const of = (body: object) => falco(body, hearing).alerts[0]!.fingerprint;
    for (const name of ['falco-shell', 'falcosidekick']) expect(of(payload(name))).toBe(of(payload(name)));
    expect(of({ ...payload('falco-shell'), time: '2026-11-26T10:16:22.924296763Z' })).not.toBe(of(payload('falco-shell')));
    expect(of({ ...payload('falcosidekick'), uuid: 'another' })).not.toBe(of(payload('falcosidekick')));
  });

  it('is refused without a rule', () => {
    for (const body of [{}, { rule: '' }, { rule: ' ' }, { rule: 5 }, [], 'x', null]) expect(() => falco(body, hearing)).toThrow(ZodError);
  });
});

describe('Alertmanager', () => {
  it('names the pod by its labels', () => {
    expect(hear(alertmanager, 'alertmanager-pod').alerts).toMatchObject([
      {
        rule: 'UnexpectedEgress',
        priority: 'critical',
        at: '2026-11-26T09:00:00.123Z',
        summary: 'something is odd',
        suspect: pod('web-0', { container: 'web' }),
      },
    ]);
  });

  it('has the suspect in exported_pod where kube-state-metrics tells of it', () => {
    expect(hear(alertmanager, 'alertmanager-kube-state-metrics').alerts[0]!.suspect).toEqual({
      ...pod('web-0', { container: 'web' }),
      uid: '2a8c09ad-c921-46ef-abe4-b6e234255e8b',
    });
  });

  it('tells each alert of a group; what is resolved, about no pod, or cut off is ignored with the reason', () => {
    const { alerts, ignored } = hear(alertmanager, 'alertmanager-group');
    expect(alerts).toMatchObject([{ priority: 'alert', suspect: pod('web-0') }, { suspect: pod('web-1') }, { suspect: pod('web-0') }]);
    expect(new Set(alerts.map(({ fingerprint }) => fingerprint)).size).toBe(3);
    expect(ignored).toEqual([
      { reason: 'it is resolved', rule: 'HighCpu' },
      { reason: 'it names neither a pod with its namespace nor a container', rule: 'NodeDown' },
      { reason: 'Alertmanager has left out 7 alerts of this group: raise max_alerts there' },
    ]);
  });

  it('may say only of the group that it is resolved', () => {
    expect(hear(alertmanager, 'alertmanager-resolved')).toMatchObject({ alerts: [], ignored: [{ reason: 'it is resolved' }] });
  });

  it('may leave out nearly everything', () => {
    const { alerts, ignored } = hear(alertmanager, 'alertmanager-sparse');
    expect(alerts).toMatchObject([{ rule: 'unnamed', priority: 'warning', at: now.toISOString(), suspect: pod('web-0') }]);
    expect(ignored).toHaveLength(1);
  });

  it('may be Grafana', () => {
    expect(hear(alertmanager, 'grafana').alerts).toMatchObject([{ rule: 'High memory usage', suspect: pod('web-0') }]);
  });

  it('is the same alert while it goes on, and another one when it starts anew', () => {
    const of = (startsAt: string) => {
      const [alert] = payload('alertmanager-pod')['alerts'] as object[];
      return alertmanager({ alerts: [{ ...alert, startsAt }] }, hearing).alerts[0]!.fingerprint;
    };
    expect(of('2026-11-26T11:00:00Z')).toBe(of('2026-11-26T11:00:00Z'));
    expect(of('2026-11-26T11:00:00Z')).not.toBe(of('2026-11-27T11:00:00Z'));
  });

  it('is refused without a list of alerts', () => {
    for (const body of [{}, { alerts: {} }, [], null, { alerts: [5] }]) expect(() => alertmanager(body, hearing)).toThrow(ZodError);
  });
});

describe('a generic source', () => {
  it('is read where the configuration points', () => {
    expect(hear(generic('msg_1'), 'generic-detection').alerts).toMatchObject([
      { intake: 'generic', rule: 'Reverse shell', priority: 'critical', at: '2026-11-26T11:00:00.000Z', suspect: pod('web-0', { container: 'web' }) },
    ]);
  });

  it('may know the container only', () => {
    const { alerts } = hear(generic('msg_1'), 'generic-container');
    expect(alerts).toMatchObject([
      { priority: 'error', suspect: { containerId: { id: '69d22f20d81269d22f20d81269d22f20d81269d22f20d81269d22f20d8120000' } } },
    ]);
  });

  it('is called as the intake where it names no rule', () => {
    expect(hear(generic('msg_1'), 'generic-null').alerts).toMatchObject([{ rule: 'edr', priority: 'warning', suspect: pod('web-0') }]);
  });

  it.each([
    ['names no pod', 'generic-absent', 'it names neither a pod with its namespace nor a container'],
    ['names what no pod can be called', 'generic-renamed', 'what it says of the pod is no name in Kubernetes'],
  ])('is ignored where it %s', (_what, name, reason) => {
    expect(hear(generic('msg_1'), name)).toMatchObject({ alerts: [], ignored: [{ reason }] });
  });

  it('is told apart by the id of the delivery', () => {
    const of = (id: string) => hear(generic(id), 'generic-detection').alerts[0]!.fingerprint;
    expect(of('msg_1')).toBe(of('msg_1'));
    expect(of('msg_1')).not.toBe(of('msg_2'));
  });
});

describe('any body', () => {
  const words = [
    'k8s.ns.name',
    'k8s.pod.name',
    'container.id',
    'k8s.pod.uid',
    'ka.target.resource',
    'labels',
    'namespace',
    'pod',
    'severity',
    '__proto__',
    'data',
    'resource',
  ];
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('shop', 'web-0', 'pods', 'host', '<NA>', '69d22f20d812', '\ud800', '\u202e../x'),
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: 'small' }, text, fc.double(), fc.boolean(), fc.constant(null), tie('fields'), fc.array(tie('any'), { maxLength: 3 })),
    fields: fc.dictionary(fc.oneof(fc.constantFrom(...words), fc.string()), tie('any'), { maxKeys: 6 }),
  }));
  const bodies = fc.record(
    {
      rule: text,
      uuid: value.any,
      output: value.any,
      priority: value.any,
      time: value.any,
      hostname: value.any,
      output_fields: value.fields,
      status: value.any,
    },
    { requiredKeys: ['rule', 'output_fields'] },
  );
  const groups = fc.record({
    status: value.any,
    alerts: fc.array(fc.record({ labels: value.fields, annotations: value.any, startsAt: value.any, fingerprint: value.any })),
  });

  it.each([
    ['Falco', falco, fc.oneof(bodies, value.any)],
    ['Alertmanager', alertmanager, fc.oneof(groups, value.any)],
    ['a generic source', generic('msg_1'), fc.oneof(fc.record({ data: fc.record({ resource: value.fields }) }), value.any)],
  ] as const)('of %s is refused as none of its, or gives alerts that hold', (_name, intake, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (body) => {
        try {
          const { alerts, ignored } = intake(body, hearing);
          for (const alert of alerts) expect(alertSchema.parse(alert)).toEqual(alert);
          for (const each of ignored) for (const text of Object.values(each)) expect(safeText(String(text), 1_000)).toBe(text);
        } catch (error) {
          if (!(error instanceof ZodError)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});
