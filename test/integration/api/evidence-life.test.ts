import { describe, expect, it } from 'vitest';
import type { RunView } from '../../../store/run-view.js';
import { type Door, openDoor, openRun } from './door.js';
import { finish, listChanges } from './fakes.js';
import { at } from './samples.js';

const reason = 'why not';

/** A run that has ended, with a listing and a report. */
async function ended(door: Door): Promise<string> {
  const run = await openRun(door);
  listChanges(door.runs, door.evidence, run, []);
  finish(door.runs, door.evidence, run, 'no-findings');
  return `/api/v1/runs/${run}`;
}

describe('a hold', () => {
  it('is shown with who has it, refuses who would destroy, and is ended by a release', async () => {
    const door = openDoor();
    const run = await ended(door);
    const held = { by: 'key:key-1', since: at, reason };
    expect((await door.post(`${run}/hold`, { reason }).expect(200)).body).toMatchObject({ held });
    expect((await door.get(run).expect(200)).body).toMatchObject({ held });
    expect((await door.get('/api/v1/runs').expect(200)).body).toMatchObject({ runs: [{ held }] });
    expect((await door.delete(`${run}/evidence`, { reason }).expect(409)).body).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('key:key-1') as string,
    });
    await door.post(`${run}/hold`, { reason }).expect(409);
    expect((await door.delete(`${run}/hold`, { reason }).expect(200)).body).not.toHaveProperty('held');
    await door.delete(`${run}/evidence`, { reason }).expect(202);
  });

  it.each([{}, { reason: '' }, { reason: '  ' }, { reason: 'x'.repeat(2_001) }, { reason, more: 1 }])(
    'needs a reason and nothing else: %j',
    async (body) => {
      const door = openDoor();
      const run = await ended(door);
      await door.post(`${run}/hold`, body).expect(400);
      await door.delete(`${run}/hold`, body).expect(400);
      await door.delete(`${run}/evidence`, body).expect(400);
      expect(door.runs.of(run.slice(13)).view).not.toHaveProperty('evidenceDestroyed');
    },
  );

  it('of a run that there is not is 404', async () => {
    const door = openDoor();
    await door.post('/api/v1/runs/r9/hold', { reason }).expect(404);
    await door.delete('/api/v1/runs/r9/evidence', { reason }).expect(404);
  });
});

describe('evidence', () => {
  it('is given away within the reach of who asks', async () => {
    const reach = [{ cluster: 'default', namespace: 'shop' }];
    const scopes = ['runs:read', 'runs:write', 'evidence:read'] as const;
    const door = openDoor({ keys: { verify: () => Promise.resolve({ id: 'key-1', name: 'tester', scopes, reach }) } });
    const run = await ended(door);
    for (const what of ['report', 'summary', 'bag']) await door.get(`${run}/${what}`);
    expect(door.acts.reads.map(({ what, reach: held }) => [what, held])).toEqual([
      ['report', reach],
      ['summary', reach],
      ['bag', reach],
    ]);
  });
});

describe('evidence that was destroyed', () => {
  it('is not given away: who asks is told when, by whom and why', async () => {
    const door = openDoor();
    const run = await ended(door);
    await door.get(`${run}/report`).expect(200);
    expect((await door.delete(`${run}/evidence`, { reason }).expect(202)).body).toMatchObject({ evidenceDestroyed: { by: 'key:key-1', at, reason } });
    const reads = door.acts.reads.length;
    for (const what of ['report', 'report?format=markdown', 'summary', 'changes', 'processes', 'artifacts', `artifacts/${'a'.repeat(64)}/content`]) {
      expect((await door.get(`${run}/${what}`).expect(410)).body).toMatchObject({
        code: 'evidence-destroyed',
        detail: expect.stringMatching(`${at} by key:key-1: ${reason}`) as string,
      });
    }
    expect(door.acts.reads).toHaveLength(reads);
    await door.get(`${run}/custody`).expect(200);
    await door.get(`${run}/steps`).expect(200);
  });

  it('leaves the skeleton of its report, which the contract knows', async () => {
    const door = openDoor();
    const run = await ended(door);
    const evidenceDestroyed: RunView['evidenceDestroyed'] = {
      by: 'worker:w',
      at,
      reason: 'retention',
      report: {
        version: 2,
        verdict: 'malicious',
        completeness: 'partial',
        counts: {
          changes: { total: 3, added: 1, changed: 1, deleted: 1, present: 0 },
          files: { total: 2, bytes: 10, known: 0, left: 0, unstable: 0 },
          processes: { total: 1, fileless: 0 },
          lookups: { detected: 1 },
        },
        findingCount: 300,
        findings: [{ rule: 'known-malware', level: 'malicious', count: 2 }],
      },
    };
    door.runs.change(run.slice(13), { evidenceDestroyed });
    expect((await door.get(run).expect(200)).body).toMatchObject({ evidenceDestroyed });
  });
});
