import { describe, expect, it } from 'vitest';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { judge } from '../../../playbooks/judgement/judge.js';
import type { ReportInput } from '../../../playbooks/report/build.js';
import { change, lookupOf } from '../judgement/builders.js';
import { loadRules } from '../rules/load-rules.js';
import { planted, reportOf, sampleRun } from './sample-run.js';

const rules = loadRules();
const harmless = [change('etc/app.conf'), change('etc/hosts', { size: 0, origin: 'runtime' })];

/** A run whose hashes all have the same answer. */
function answered(status: Lookup['status'], extra: Partial<Lookup> = {}, changes = harmless): ReportInput {
  const run = sampleRun(changes);
  const lookups = run.artifacts.map((artifact) => lookupOf(artifact, status, extra));
  const verdict = judge({ changes, artifacts: run.artifacts, lookups, rules, gaps: [], failedSteps: [] });
  return { ...run, lookups, board: { ...run.board, verdict } };
}

const summary = (input: ReportInput) => reportOf(input).summary;

describe('the three sentences', () => {
  it('of a run without findings say where was looked, and that this proves nothing', () => {
    expect(summary(answered('undetected'))).toEqual([
      'Nothing that was looked for was found in 2 changed paths and 1 file.',
      'Nothing here says what to look at next in pod shop/web-0.',
      'All that was asked for was had; what no source knows is unknown, not harmless.',
    ]);
  });

  it('of a run that waits for answers say so', () => {
    expect(summary(answered('pending'))).toEqual([
      'Nothing that was looked for was found, but 1 lookup is still waiting.',
      'Look first at what could not be had of pod shop/web-0.',
      'The evidence is as complete as asked for, though 1 hash has no answer yet; a new version of this report will come with the answers.',
    ]);
  });

  it('of a run beyond its budget say how many were not asked about', () => {
    expect(summary(answered('not-asked', { reason: 'budget' }))[2]).toBe(
      'The evidence is as complete as asked for, though 1 hash was not asked about.',
    );
  });

  it('of a run whose lookups failed say so', () => {
    expect(summary(answered('error'))[2]).toBe('The evidence is as complete as asked for, though 1 lookup failed.');
  });

  it('of a suspicious run name the first path to look at', () => {
    const [what, next] = summary(answered('unknown', {}, [change('var/www/html/shell.php')]));
    expect(what).toMatch(/^A possible web shell needs a look; no file was found to be known malware/);
    expect(next).toBe('Look first at /var/www/html/shell.php in container web.');
  });

  it('of a malicious run say to treat the pod as compromised', () => {
    expect(summary(sampleRun(planted))[1]).toMatch(/^Treat pod shop\/web-0 as compromised; look first at \/tmp\/xmrig in container web/);
  });

  it('of a later version say first what has come and what has changed', () => {
    const run = answered('undetected');
    const amended = { answered: 3, verdictBefore: 'inconclusive' } as const;
    expect(summary({ ...run, version: 2, amended })[0]).toBe(
      'Version 2: 3 answers came after the first report, which was inconclusive; nothing that was looked for was found in 2 changed paths and 1 file.',
    );
    const again = { answered: 1, verdictBefore: 'no-findings' } as const;
    expect(summary({ ...run, version: 3, amended: again })[0]).toBe(
      'Version 3: 1 answer came after version 2; nothing that was looked for was found in 2 changed paths and 1 file.',
    );
    expect(reportOf({ ...run, version: 3, amended: again })).toMatchObject({ version: 3, amended: again });
  });
});
