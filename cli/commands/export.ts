import { join } from 'node:path';
import { bagFolder } from '../../playbooks/bag/layout.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { lineOf, textCell } from '../../playbooks/report/timeline-csv.js';
import type { Run } from '../api-types.js';
import { madeWhole } from '../bag/partial.js';
import { saveFile } from '../bag/save.js';
import { bagOfTar } from '../bag/unpack.js';
import { type WrittenBag, writeBagFolder, writeBagZip } from '../bag/write-bag.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { stoppable } from '../interrupt.js';
import type { Io } from '../io.js';

/** What of `podtriage export` is given as options. */
export interface ExportOptions {
  readonly to?: string;
  /** One file instead of a folder. */
  readonly zip?: boolean;
  /** Artifacts as files, not in an encrypted zip. */
  readonly plain?: boolean;
}

/** A bag and where it is in the folder of several. */
interface IndexRow extends WrittenBag {
  readonly run: Run;
  readonly bag: string;
}

/** `podtriage export RUN...`: writes the bag of one run, or a folder of bags with an index. What fails leaves nothing behind. */
export async function exportRuns(io: Io, client: ApiClient, runs: readonly string[], options: ExportOptions, now = new Date()): Promise<number> {
  return stoppable(io, async (signal) => {
    const [only = ''] = runs;
    const to = options.to ?? (runs.length === 1 ? nameOf(only, options) : `podtriage-bags-${now.toISOString().replaceAll(/[:-]|\..*/g, '')}Z`);
    if (runs.length === 1) await exportOne(client, only, to, options, signal);
    else await exportSeveral(client, runs, to, options, signal);
    io.out(`${to}\n`);
    io.err(`to check it: podtriage verify ${displayText(to)}\n`);
    return exitCodes.ok;
  });
}

function nameOf(run: string, { zip = false }: ExportOptions): string {
  // It becomes a path here.
  if (!/^[a-z0-9]{1,63}$/.test(run)) throw new TriageError('invalid-request', 'this is no id of a run; see: podtriage runs');
  return `${bagFolder(run)}${zip ? '.zip' : ''}`;
}

function exportOne(
  client: ApiClient,
  run: string,
  to: string,
  { zip = false, plain = false }: ExportOptions,
  signal: AbortSignal,
): Promise<WrittenBag> {
  const files = bagOfTar(client.bag(run, plain ? 'plain' : 'encrypted', signal), run);
  return zip ? writeBagZip(files, run, to) : writeBagFolder(files, to);
}

async function exportSeveral(client: ApiClient, runs: readonly string[], to: string, options: ExportOptions, signal: AbortSignal): Promise<void> {
  if (new Set(runs).size < runs.length) throw new TriageError('invalid-request', 'a run is named twice');
  await madeWhole(to, 'folder', async (partial) => {
    const rows: IndexRow[] = [];
    for (const id of runs) {
      const bag = nameOf(id, options);
      const { run } = await client.watch(id, undefined, signal);
      const written = await exportOne(client, id, join(partial, bag), options, signal);
      if (run !== undefined) rows.push({ ...written, run, bag });
    }
    await saveFile(join(partial, 'index.json'), 0o400, [Buffer.from(`${JSON.stringify(rows.map(indexed), undefined, 2)}\n`)]);
    const cells = rows.map((row) => Object.values(indexed(row)).map((value) => textCell(value ?? '')));
    const header = ['run', 'case', 'pod', 'verdict', 'bag', 'manifest_sha256'];
    await saveFile(join(partial, 'index.csv'), 0o400, [Buffer.from([header, ...cells].map(lineOf).join(''))]);
  });
}

function indexed({ run, bag, manifestSha256 }: IndexRow): Readonly<Record<string, string | null>> {
  const { cluster, namespace, pod } = run.request.target;
  return {
    run: run.id,
    case: run.request.caseId ?? null,
    pod: `${cluster}/${namespace}/${pod}`,
    verdict: run.verdict ?? null,
    bag,
    manifestSha256,
  };
}
