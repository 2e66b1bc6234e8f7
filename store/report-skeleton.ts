import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { EvidencePort } from '../playbooks/ports.js';
import { boardOf } from '../playbooks/step.js';
import { type Skeleton, skeletonOf } from './run-evidence.js';
import type { RunReader } from './run-view.js';

/** A report bounds its own rows: more than this is none of ours. */
const maxReportBytes = 128 * 1024 * 1024;

/** Boils the newest report of a run down to what has no names in it. Undefined where there is none that can be read. */
export async function readSkeleton(reader: RunReader, evidence: Pick<EvidencePort, 'open'>, run: string): Promise<Skeleton | undefined> {
  const json = await newestReport(reader, run);
  if (json === undefined) return undefined;
  try {
    return skeletonOf(parseJson(await textOf(evidence, json)));
  } catch (error) {
    if (error instanceof TriageError && (error.code === 'not-found' || error.code === 'limit-exceeded')) return undefined;
    throw error;
  }
}

async function newestReport(reader: RunReader, run: string): Promise<string | undefined> {
  const amended = (await reader.get(run))?.amendments.at(-1);
  if (amended !== undefined) return amended.report.json;
  const records = await reader.records(run);
  return boardOf(Array.from(records.values(), ({ facts }) => facts)).report?.json;
}

async function textOf(evidence: Pick<EvidencePort, 'open'>, sha256: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of (await evidence.open(sha256)) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxReportBytes) throw new TriageError('limit-exceeded', `report ${sha256} has more than ${maxReportBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
