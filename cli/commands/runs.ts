import { displayText } from '../../playbooks/domain/path-name.js';
import type { RunSummary } from '../api-types.js';
import type { ApiClient, RunFilter } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { table } from '../ui/table.js';

/** What `podtriage runs` is told. */
export interface RunsOptions extends RunFilter {
  readonly limit: number;
  readonly json?: boolean;
}

/** `podtriage runs`: newest first. */
export async function listRuns(io: Io, client: ApiClient, { limit, json, ...filter }: RunsOptions): Promise<number> {
  const runs: RunSummary[] = [];
  for await (const run of client.runs(filter, limit)) if (runs.push(run) === limit) break;
  if (json === true) io.out(`${safeJson(runs)}\n`);
  else io.out(table([['RUN', 'CREATED', 'STATE', 'VERDICT', 'TARGET', 'PLAYBOOK'], ...runs.map(row)]));
  return exitCodes.ok;
}

function row(run: RunSummary): string[] {
  const { cluster, namespace, pod } = run.request.target;
  const marks = [
    run.completeness === 'partial' ? 'partial' : '',
    run.cutShort === undefined ? '' : `cut short: ${run.cutShort.code}`,
    (run.reportVersion ?? 1) > 1 ? 'amended' : '',
    run.held === undefined ? '' : 'held',
    run.evidenceDestroyed === undefined ? '' : 'evidence destroyed',
  ].filter((mark) => mark !== '');
  const verdict = `${run.verdict ?? '-'}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`;
  const target = cluster === 'default' ? `${namespace}/${pod}` : `${cluster}:${namespace}/${pod}`;
  return [run.id, run.createdAt, run.state, verdict, target, run.playbook.name].map(displayText);
}
