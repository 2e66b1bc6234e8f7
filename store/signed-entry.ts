import { verify } from 'node:crypto';
import { type CustodyEntry, custodyEntrySchema, entryHash, type KnownLines } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { TrustedKeys } from './public-keys.js';

/** What an entry must be, or it is not believed. */
export interface ExpectedEntry {
  readonly run: string;
  readonly seq: number;
  readonly act: CustodyEntry['act'];
  readonly subject?: string;
}

/**
 * Reads one entry out of its chain and believes it only with a good signature: whoever can write to Redis
 * must not be able to tell a worker what to do on a node.
 * @param known lines whose hash and signature need no check
 * @throws TriageError `custody-broken`
 */
export async function readSigned(line: string | null, expected: ExpectedEntry, trusted: TrustedKeys, known?: KnownLines): Promise<CustodyEntry> {
  const broken = (problem: string): TriageError =>
    new TriageError('custody-broken', `custody entry ${expected.seq} of run ${expected.run} ${problem}; the run is not acted upon`);
  const own = known?.entryOf(line ?? '');
  const entry = own ?? custodyEntrySchema.safeParse(parseJson(line ?? '')).data;
  if (entry === undefined) throw broken('is missing or malformed');
  const { hash, sig, ...body } = entry;
  if (body.run !== expected.run || body.seq !== expected.seq) throw broken('belongs elsewhere');
  if (body.act !== expected.act || body.subject !== expected.subject) throw broken(`is not the ${expected.act} that it should be`);
  if (own === undefined && entryHash(body) !== hash) throw broken('has been altered');
  const key = await trusted(body.by);
  if (key === undefined) throw broken(`is signed by the key ${body.by}, which is not enrolled here for that (PODTRIAGE_TRUSTED_KEYS)`);
  if (own === undefined && !verify(null, Buffer.from(hash, 'hex'), key, Buffer.from(sig, 'base64url'))) throw broken('has a wrong signature');
  return entry;
}
