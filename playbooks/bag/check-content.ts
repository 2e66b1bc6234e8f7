import { z } from 'zod';
import { type Artifact, sha256Schema } from '../domain/artifact.js';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import type { ChainFacts } from './chain-facts.js';
import { digestOf } from './check-manifests.js';
import type { Findings } from './findings.js';
import { artifactPath, type MissingContent, payloadFiles, zipPassword } from './layout.js';
import type { ArchivedFile, BagEntry, BagReader } from './reader.js';
import { wholeText } from './text-lines.js';

/** Bytes that the bag must have. */
export interface WantedContent {
  readonly size: number;
  /** An artifact that they are of. */
  readonly id: string;
}

/** Gathers what content the records ask for. Of what was left on the node the bag has no bytes, unless another artifact has the same. */
export class ContentList {
  readonly wanted = new Map<string, WantedContent>();
  #left = 0;

  add({ id, sha256, size, left }: Artifact): void {
    if (left === true) this.#left += 1;
    else if (!this.wanted.has(sha256)) this.wanted.set(sha256, { size, id });
  }

  /** Artifacts that policy left on the node. */
  get left(): number {
    return this.#left;
  }
}

const missingSchema = z.array(z.strictObject({ sha256: sha256Schema, subject: z.string(), why: z.enum(['destroyed', 'lost']) }));

/** Reads what the bag itself says that it lacks, and holds `destroyed` against the chain. By sha256. */
export async function readMissing(
  bag: BagReader,
  files: ReadonlyMap<string, BagEntry>,
  { destroyed }: ChainFacts,
  findings: Findings,
): Promise<ReadonlyMap<string, MissingContent>> {
  const path = payloadFiles.missing;
  if (!files.has(path)) return new Map();
  try {
    const list = missingSchema.safeParse(parseJson(await wholeText(bag.read(path), 64 * 1024 * 1024)));
    if (!list.success) throw new Error('is not a list of what the bag lacks');
    for (const { sha256, subject, why } of list.data) {
      if (why === 'lost') findings.problem('artifacts', path, `the evidence store had lost ${sha256} (${subject}) when the bag was made`);
      else if (destroyed.length === 0)
        findings.problem('artifacts', path, `calls ${sha256} (${subject}) destroyed, and no entry of the chain says so`);
    }
    return new Map(list.data.map((one) => [one.sha256, one]));
  } catch (error) {
    findings.problem('artifacts', path, asTriageError(error).message);
    return new Map();
  }
}

/** What content is held against. */
export interface ContentFacts {
  readonly files: ReadonlyMap<string, BagEntry>;
  /** sha256 by path, as it was found. */
  readonly digests: ReadonlyMap<string, string>;
  readonly wanted: ReadonlyMap<string, WantedContent>;
  readonly missing: ReadonlyMap<string, MissingContent>;
}

/** Checks that the bag has the bytes of every artifact, whole, under their own hash, and no others. */
export async function checkContent(bag: BagReader, facts: ContentFacts, findings: Findings): Promise<void> {
  const { files, wanted, missing } = facts;
  const inZip = files.has(payloadFiles.artifactsZip);
  const found = inZip ? await fromArchive(bag, facts, findings) : plain(facts, findings);
  for (const [sha256, { id }] of wanted) {
    if (found.has(sha256)) {
      if (missing.has(sha256)) findings.problem('artifacts', payloadFiles.missing, `says that ${sha256} is missing, and it is there`);
    } else if (!missing.has(sha256)) {
      const file = inZip ? payloadFiles.artifactsZip : artifactPath(sha256);
      findings.problem('artifacts', file, `the bytes of artifact ${id} (${sha256}) are not in the bag`);
    }
  }
  // Of destroyed evidence there are no records any more.
  for (const [sha256, { why }] of missing)
    if (why === 'lost' && !wanted.has(sha256))
      findings.problem('artifacts', payloadFiles.missing, `says that ${sha256} is missing, of which no record tells`);
}

const plainPath = /^data\/artifacts\/([0-9a-f]{64})$/;

function plain({ files, digests, wanted }: ContentFacts, findings: Findings): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [path, { size }] of files) {
    const sha256 = plainPath.exec(path)?.[1];
    if (sha256 === undefined) continue;
    findings.checked('artifacts');
    found.add(sha256);
    const digest = digests.get(path);
    const fault = unwanted(sha256, size, wanted);
    if (fault !== undefined) findings.problem('artifacts', path, fault);
    else if (digest !== undefined && digest !== sha256) findings.problem('artifacts', path, `has sha256 ${digest} and not that of its name`);
  }
  return found;
}

async function fromArchive(bag: BagReader, { files, wanted }: ContentFacts, findings: Findings): Promise<ReadonlySet<string>> {
  const path = payloadFiles.artifactsZip;
  const found = new Set<string>();
  for (const other of files.keys()) if (plainPath.test(other)) findings.problem('artifacts', other, 'stands beside the archive of the artifacts');
  try {
    const { files: archived, troubles } = await bag.archive(path, zipPassword);
    for (const trouble of troubles) findings.problem('artifacts', path, trouble);
    for (const file of archived) {
      findings.checked('artifacts');
      const fault = found.has(file.name)
        ? 'stands in it more than once'
        : (file.trouble ?? unwanted(file.name, file.size, wanted) ?? (await digestFault(file)));
      if (fault !== undefined) findings.problem('artifacts', path, `entry ${file.name} ${fault}`);
      found.add(file.name);
    }
  } catch (error) {
    findings.problem('artifacts', path, asTriageError(error).message);
  }
  return found;
}

async function digestFault(file: ArchivedFile): Promise<string | undefined> {
  try {
    const digest = await digestOf(file.read(), file.size);
    return digest === file.name ? undefined : `has sha256 ${digest} and not that of its name`;
  } catch (error) {
    return `cannot be read: ${asTriageError(error).message}`;
  }
}

/** Nothing is read that is larger than its signed record says. */
function unwanted(sha256: string, size: number, wanted: ReadonlyMap<string, WantedContent>): string | undefined {
  const record = wanted.get(sha256);
  if (record === undefined) return 'is the content of no artifact of this run';
  return record.size === size ? undefined : `has ${size} bytes; the record of artifact ${record.id} says ${record.size}`;
}
