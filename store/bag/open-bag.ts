import type { BagFile } from '../../playbooks/bag/bag-file.js';
import type { Reach } from '../../playbooks/domain/access.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { endStates } from '../../playbooks/domain/run.js';
import type { EvidencePort } from '../../playbooks/ports.js';
import { boardOf } from '../../playbooks/step.js';
import type { EvidenceActs } from '../evidence-acts.js';
import type { RunReader, RunView } from '../run-view.js';
import { bagFiles } from './bag-files.js';
import type { BagForm, ReportVersion } from './bag-material.js';
import type { BagSource } from './source.js';

/** Where bags come from. */
export interface BagMaker {
  readonly runs: RunReader;
  readonly source: BagSource;
  readonly evidence: EvidencePort;
  readonly acts: EvidenceActs;
  /** The JWK set of the keys that custody is signed with. */
  readonly keySet: () => Promise<object>;
}

/** Who wants which bag. */
export interface BagOrder {
  readonly run: string;
  readonly form: BagForm;
  /** Who gets it, for custody. */
  readonly by: string;
  /** Of who gets it; default everywhere. */
  readonly reach?: Reach;
  /** How it is given, for custody. */
  readonly format: string;
  readonly at: Date;
}

/**
 * Opens the bag of a run that has ended, and puts that into custody; see {@link bagFiles}.
 * @throws TriageError `not-found`, `conflict` while the run has not ended, `redis-unavailable`
 */
export async function openBag(maker: BagMaker, { run, form, by, reach, format, at }: BagOrder): Promise<AsyncGenerator<BagFile>> {
  const { source, runs, evidence, acts } = maker;
  const { entries, destroyed } = await source.now(run);
  const view = await runs.get(run);
  if (view === undefined) throw new TriageError('not-found', `there is no run ${run}`);
  if (!endStates.has(view.state))
    throw new TriageError('conflict', `run ${run} is ${view.state}: wait until it has ended, its bag is made of what it has written by then`);
  const reports = await reportsOf(runs, view);
  await acts.read(run, by, { what: 'bag', format }, reach);
  const seal = (contents: string): ReturnType<EvidenceActs['seal']> => acts.seal(run, by, contents);
  const { request } = view;
  return bagFiles({ run, request, reports, entries, destroyed, source, evidence, keySet: await maker.keySet(), seal, at }, form);
}

async function reportsOf(runs: RunReader, { id, amendments }: RunView): Promise<readonly ReportVersion[]> {
  const records = await runs.records(id);
  const { report } = boardOf(Array.from(records.values(), ({ facts }) => facts));
  if (report === undefined) return [];
  return [{ version: report.version, files: report }, ...amendments.map((each) => ({ version: each.version, files: each.report }))];
}
