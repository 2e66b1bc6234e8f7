import { expect, test } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { byAllRuns, type ExaminedRun } from '../../../playbooks/fleet/by-all-runs.js';

const dropper = {
  container: 'web',
  place: 'rootfs',
  path: pathName(Buffer.from('tmp/dropper')),
  sha256: 'a'.repeat(64),
  size: 3,
  level: 'malicious' as const,
};
const conf = { ...dropper, path: pathName(Buffer.from('etc/conf')), sha256: 'b'.repeat(64), level: 'none' as const };
const cutShort: ExaminedRun = {
  state: 'completed',
  run: 'r1',
  verdict: 'malicious',
  files: [dropper],
  unknown: { what: 'partial', reason: 'node-unreachable' },
};

test('what a pod had is not forgotten when it has cleaned up by the time of a retry', () => {
  const clean: ExaminedRun = { state: 'completed', run: 'r2', verdict: 'no-findings', files: [conf] };
  expect(byAllRuns(clean, [cutShort])).toEqual({ ...clean, verdict: 'malicious', files: [conf, dropper] });
});

test('a retry that could take nothing, or little, says so and hides nothing', () => {
  const late: ExaminedRun = { state: 'failed', run: 'r2', verdict: 'inconclusive', files: [], unknown: { what: 'not-examined', reason: 'timeout' } };
  const unknown = { what: 'partial', reason: 'timeout' };
  expect(byAllRuns(late, [cutShort])).toEqual({ ...late, verdict: 'malicious', files: [dropper], unknown });
});

test('a whole run is not partial for what the run before could not have, but for one that cannot be believed any more', () => {
  const whole: ExaminedRun = { state: 'completed', run: 'r3', verdict: 'no-findings', files: [conf] };
  const quiet: ExaminedRun = { ...cutShort, verdict: 'inconclusive', files: [] };
  const broken: ExaminedRun = { state: 'running', run: 'r2', files: [], unknown: { what: 'not-examined', reason: 'custody-broken' }, isTold: true };
  expect(byAllRuns(whole, [quiet])).toEqual(whole);
  expect(byAllRuns(whole, [broken, quiet])).toEqual({ ...whole, unknown: { what: 'partial', reason: 'custody-broken' } });
  expect(byAllRuns(broken, [quiet])).toEqual({ state: 'running', run: 'r2', verdict: 'inconclusive', files: [], unknown: broken.unknown });
});
