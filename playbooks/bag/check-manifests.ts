import { createHash } from 'node:crypto';
import { asTriageError } from '../domain/error.js';
import type { Findings } from './findings.js';
import { type ManifestEntry, manifestText, readManifestLine, tagFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';
import { wholeText } from './text-lines.js';

/** A line has less than 200 bytes, and no run has more files than its limits allow. */
const maxManifestBytes = 256 * 1024 * 1024;

/** Files that are read at once: while one is hashed, the disk looks for the next. */
const atOnce = 4;

/** What the files of a bag are in truth, whatever its manifests say. */
export interface Hashed {
  /** sha256 by path, of all files that could be read. */
  readonly digests: ReadonlyMap<string, string>;
  /** The payload as the manifest has it. */
  readonly manifest: readonly ManifestEntry[];
}

/**
 * Hashes every file once, and holds both manifests against that (RFC 8493 section 3).
 * @param expected the size that a signed record gives a file, where one does: what has another is not read
 */
export async function checkManifests(
  bag: BagReader,
  files: ReadonlyMap<string, BagEntry>,
  expected: (path: string) => number | undefined,
  findings: Findings,
): Promise<Hashed> {
  const digests = await hashAll(
    bag,
    [...files.values()].filter(({ path, size }) => (expected(path) ?? size) === size),
    findings,
  );
  const manifest = files.has(tagFiles.manifest) ? await readManifest(bag, findings) : [];
  const payload = [...files.keys()].filter((path) => path.startsWith('data/'));
  const listed = new Map(manifest.map(({ path, sha256 }) => [path, sha256]));
  for (const [path, sha256] of listed) {
    findings.checked('payload');
    if (!path.startsWith('data/')) findings.problem('payload', path, 'is listed in the manifest and is no payload');
    else if (!files.has(path)) findings.problem('payload', path, 'is listed in the manifest, and the bag does not have it');
    else if (digests.has(path) && digests.get(path) !== sha256)
      findings.problem('payload', path, `has sha256 ${digests.get(path) ?? ''}; the manifest says ${sha256}`);
  }
  for (const path of payload) if (!listed.has(path)) findings.problem('payload', path, 'is not listed in the manifest');
  if (files.has(tagFiles.tagManifest)) await checkTags(bag, digests, findings);
  return { digests, manifest };
}

async function hashAll(bag: BagReader, files: readonly BagEntry[], findings: Findings): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const left = files[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const { path, size } of left) {
      try {
        digests.set(path, await digestOf(bag.read(path), size));
      } catch (error) {
        findings.problem('payload', path, `cannot be read: ${asTriageError(error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return digests;
}

/** The sha256 of a stream. Throws what the stream throws, and where it does not have so many bytes. */
export async function digestOf(source: AsyncIterable<Uint8Array>, size: number): Promise<string> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    read += chunk.length;
  }
  if (read !== size) throw new Error(`it has ${read} bytes instead of ${size}`);
  return hash.digest('hex');
}

async function readManifest(bag: BagReader, findings: Findings): Promise<ManifestEntry[]> {
  const path = tagFiles.manifest;
  try {
    const text = await wholeText(bag.read(path), maxManifestBytes);
    const lines = text.split('\n');
    if (lines.pop() !== '') findings.problem('payload', path, 'does not end in a line feed');
    const entries = lines.flatMap((line, at) => {
      const entry = readManifestLine(line);
      if (entry === undefined) findings.problem('payload', path, `line ${at + 1} is not "<sha256>  <path>"`);
      return entry ?? [];
    });
    if (new Set(entries.map((entry) => entry.path)).size !== entries.length) findings.problem('payload', path, 'lists a file twice');
    if (manifestText(entries) !== text) findings.problem('payload', path, 'is not in the order in which it was written');
    return entries;
  } catch (error) {
    findings.problem('payload', path, asTriageError(error).message);
    return [];
  }
}

/** Everything in the tag manifest follows from the files that it lists. */
async function checkTags(bag: BagReader, digests: ReadonlyMap<string, string>, findings: Findings): Promise<void> {
  const path = tagFiles.tagManifest;
  const listed = [tagFiles.declaration, tagFiles.info, tagFiles.manifest];
  try {
    const text = await wholeText(bag.read(path), 4_096);
    const lines = new Map(
      text
        .split('\n')
        .flatMap((line) => readManifestLine(line) ?? [])
        .map((entry) => [entry.path, entry.sha256]),
    );
    const wrong = listed.filter((file) => lines.get(file) !== digests.get(file));
    findings.checked('tags', listed.length);
    for (const file of wrong) findings.problem('tags', file, `is not the file that ${path} lists`);
    const expected = manifestText(listed.map((file) => ({ path: file, sha256: digests.get(file) ?? '' })));
    // Which of the two has been changed cannot be told.
    if (text !== expected)
      findings.problem('tags', path, wrong.length > 0 ? `does not fit ${wrong.join(', ')}` : 'has other lines than those of its three files');
  } catch (error) {
    findings.problem('tags', path, asTriageError(error).message);
  }
}
