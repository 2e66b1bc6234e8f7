import { asTriageError } from '../domain/error.js';
import { runRequestSchema } from '../domain/request.js';
import { bagInfoText } from './bag-info.js';
import type { ChainFacts } from './chain-facts.js';
import type { Findings } from './findings.js';
import { declaration, tagFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';
import { wholeText } from './text-lines.js';

const maxTagBytes = 64 * 1024;
const dayMs = 86_400_000;

/** What bag-info.txt must be made of. */
export interface InfoFacts {
  readonly facts: ChainFacts;
  readonly files: ReadonlyMap<string, BagEntry>;
  /** Of the checkpoint; absent where it cannot be read. */
  readonly sealedAt: string | undefined;
}

/** Reads bagit.txt. Gives the version of BagIt when it is one that is not known. */
export async function checkDeclaration(bag: BagReader, files: ReadonlyMap<string, BagEntry>, findings: Findings): Promise<string | undefined> {
  const text = await tagText(bag, files, tagFiles.declaration, findings);
  if (text === undefined || text === declaration) return undefined;
  const version = /^BagIt-Version: (\d+\.\d+)$/m.exec(text)?.[1];
  findings.problem('declaration', tagFiles.declaration, 'is not the declaration of a bag of BagIt 1.0');
  return version === '1.0' ? undefined : version;
}

/** Holds bag-info.txt, which nobody has signed, against the signed request and the payload. */
export async function checkInfo(bag: BagReader, { facts, files, sealedAt }: InfoFacts, findings: Findings): Promise<void> {
  const text = await tagText(bag, files, tagFiles.info, findings);
  const request = runRequestSchema.safeParse(facts.first?.detail['request']).data;
  if (text === undefined || request === undefined || facts.first === undefined) return;
  const date = /^Bagging-Date: (\d{4}-\d{2}-\d{2})$/m.exec(text)?.[1];
  // A month 13 is no date that could be written again.
  if (date === undefined || Number.isNaN(Date.parse(date))) {
    findings.problem('declaration', tagFiles.info, 'does not say when it was made');
    return;
  }
  const payload = [...files.values()].filter(({ path }) => path.startsWith('data/'));
  const expected = bagInfoText({
    ...request,
    run: facts.first.run,
    baggedAt: new Date(date),
    octets: payload.reduce((sum, { size }) => sum + size, 0),
    files: payload.length,
  });
  for (const line of differing(text, expected)) findings.problem('declaration', tagFiles.info, line);
  const days = sealedAt === undefined ? 0 : (Date.parse(sealedAt.slice(0, 10)) - Date.parse(date)) / dayMs;
  if (days !== 0 && days !== 1)
    findings.problem('declaration', tagFiles.info, `says that it was made on ${date}; the checkpoint is of ${sealedAt ?? ''}`);
}

function differing(text: string, expected: string): string[] {
  if (text === expected) return [];
  const [is, should] = [text.split('\n'), expected.split('\n')];
  const lines = is.filter((line) => !should.includes(line)).map((line) => `"${line}" is not what was signed`);
  const missing = should.filter((line) => !is.includes(line)).map((line) => `"${line}" is missing`);
  return [...lines, ...missing].length > 0 ? [...lines, ...missing] : ['its lines are not in the order in which they were written'];
}

async function tagText(bag: BagReader, files: ReadonlyMap<string, BagEntry>, path: string, findings: Findings): Promise<string | undefined> {
  if (!files.has(path)) return undefined;
  findings.checked('declaration');
  try {
    return await wholeText(bag.read(path), maxTagBytes);
  } catch (error) {
    findings.problem('declaration', path, asTriageError(error).message);
    return undefined;
  }
}
