import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type MilestoneEvent, milestoneEventSchema } from '../../../playbooks/delivery/event.js';
import { slackMessage } from '../../../workers/adapters/slack/message.js';
import { type Content, contentOf, markupOf, shownBy } from '../../emulators/slack-rules.js';

const run = {
  id: 'r0abc',
  state: 'completed',
  target: { cluster: 'default', namespace: 'shop', pod: 'web-0' },
  playbook: 'a-f-02',
  verdict: 'malicious',
  completeness: 'partial',
  milestones: {},
  counts: { changes: 12, artifacts: 3, findings: 2, gaps: 1, lookups: { detected: 1, unknown: 2 } },
  rules: [
    { rule: 'miner', title: 'A miner & its <config>', level: 'malicious', findings: 2 },
    { rule: 'cron', title: 'A job of cron', level: 'notice', findings: 1 },
  ],
  reportVersion: 1,
  links: { run: '/api/v1/runs/r0abc', report: '/api/v1/runs/r0abc/report' },
};

function shown(event: MilestoneEvent, publicUrl?: string): Content {
  const content = contentOf(slackMessage(event, publicUrl));
  if (typeof content === 'string') throw new Error(`Slack refuses it: ${content}`);
  return content;
}

const about = (type: string, more: object = {}): MilestoneEvent =>
  milestoneEventSchema.parse({ type, timestamp: '2026-11-26T12:00:00.000Z', data: { run: { ...run, ...more } } });

it('tells verdict, state, numbers and rules of a run', () => {
  const text = shownBy(shown(about('report.written')));
  for (const part of [
    'Triage of shop/web-0',
    'malicious',
    'completed, partial',
    'changes 12',
    'gaps 1',
    'unknown 2',
    'malicious: A miner & its <config> (2)',
    'r0abc',
  ])
    expect(text).toContain(part);
});

it('says when the pod may be killed, and never that what is not judged is fine', () => {
  const { id, target, playbook, milestones, links } = run;
  const event = milestoneEventSchema.parse({
    type: 'acquisition.finished',
    timestamp: '2026-11-26T12:00:00.000Z',
    data: { run: { id, target, playbook, milestones, links, state: 'running', counts: { gaps: 0 } } },
  });
  const text = shownBy(shown(event));
  expect(text).toContain('the pod may now be killed');
  expect(text).toContain('Verdict\nnot judged yet');
});

it('tells what late answers have changed', () => {
  const text = shownBy(shown(about('run.amended', { reportVersion: 2, amendment: { answered: 3, pending: 1, verdictBefore: 'inconclusive' } })));
  expect(text).toContain('3 new, 1 still missing');
  expect(text).toContain('inconclusive');
});

it('has a link where the installation says where people find it, and no other markup', () => {
  expect(markupOf(shown(about('report.written'))).filter((text) => text.includes('<'))).toEqual([]);
  const linked = shown(about('report.written'), 'https://triage.example/base/');
  expect(markupOf(linked).filter((text) => text.includes('<'))).toEqual(['<https://triage.example/base/api/v1/runs/r0abc/report|The report>']);
});

it('tells of a batch', () => {
  const batch = {
    id: 'b0',
    state: 'completed',
    cluster: 'default',
    caseId: 'INC-7',
    counts: { finished: 40 },
    links: { batch: '/api/v1/batches/b0' },
  };
  const event = milestoneEventSchema.safeParse({
    type: 'batch.finished',
    timestamp: '2026-11-26T12:00:00.000Z',
    data: { batch: { ...batch, counts: {} } },
  });
  expect(shownBy(shown(event.data!))).toContain('INC-7');
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: fc.constantFrom(...Array.from('<>&@!*_~`:|\n\u202e\u0000\ud800\ufdfd')), maxLength: 200 }),
);
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?$/);

it('is what Slack takes, whatever callers have said of the run and however long names are', () => {
  const rules = fc.array(fc.record({ rule: hostile, title: hostile, level: fc.constant('malicious'), findings: fc.nat() }), { maxLength: 10 });
  fc.assert(
    fc.property(hostile, rules, name, fc.array(name, { minLength: 1, maxLength: 3 }), (caseId, found, namespace, parts) => {
      const target = { cluster: 'default', namespace, pod: parts.join('.'), container: namespace };
      const content = shown(about('report.written', { caseId, rules: found, target }), 'https://triage.example');
      for (const markup of markupOf(content).filter((text) => !text.endsWith('|The report>'))) expect(markup).not.toMatch(/[<>]/);
    }),
  );
});
