import { sha256Hex } from '../domain/custody.js';

/**
 * The shape of a bag (BagIt 1.0, RFC 8493). As a folder and as what an archive holds it is `podtriage-RUN/` with the paths below in it; an
 * archive holds files only, no entries for folders. Paths are relative to that folder, with `/`, as manifests have them.
 */
export function bagFolder(run: string): string {
  return `podtriage-${run}`;
}

/** Tag files (section 2.1.1, 2.1.3, 2.2.1, 2.2.2). The tag manifest lists the three others, in the form of a manifest. */
export const tagFiles = {
  declaration: 'bagit.txt',
  info: 'bag-info.txt',
  manifest: 'manifest-sha256.txt',
  tagManifest: 'tagmanifest-sha256.txt',
} as const;

/** All of bagit.txt. */
export const declaration = 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n';

/** The payload, but artifacts and older reports. All lines of NDJSON files end in a line feed. */
export const payloadFiles = {
  /**
   * Absent in a plain bag, and when evidence was destroyed: AES-256 (but empty content),
   * password {@link zipPassword}, entries named by sha256, stored and not compressed.
   */
  artifactsZip: 'data/artifacts.zip',
  /**
   * A line an artifact: the exact text whose sha256 is `detail.record` of its signed entry. In no order. Empty once the run's evidence was
   * destroyed (`evidence.destroyed`), as the records go with it; there is then no artifact and no report either.
   */
  artifacts: 'data/artifacts.ndjson',
  /** A line a step: {@link StepLine}. In the order in which they finished. */
  steps: 'data/steps.ndjson',
  /** A line a hash: the exact text of the newest answer, whose sha256 is `detail.record` of its newest `lookup.answered`. In no order. */
  lookups: 'data/lookups.ndjson',
  /** A line an amendment: {@link AmendmentLine}. By version. Empty when the report was never amended. */
  amendments: 'data/amendments.ndjson',
  /** The chain byte for byte, from entry 0 to the `run.checkpoint` of this export. */
  custody: 'data/custody.ndjson',
  /** The compact JWS of that entry, and a line feed. */
  checkpoint: 'data/checkpoint.jws',
  /** The entries of the register that are about this run, byte for byte, in their order. */
  register: 'data/register.ndjson',
  /** A JWK set (RFC 7517) of all public keys that the installation signs custody with or has signed it with: `{"keys":[{kty,crv,x,kid,use,alg}]}`. */
  keys: 'data/keys.json',
  /** Only when something is not in the bag that should be: a JSON array of {@link MissingContent}. */
  missing: 'data/missing.json',
  ...reportPaths('data'),
} as const;

/** The four forms of one version of a report. Those of the newest version are in `data/`, of an older one in `data/reports/VERSION/`. */
function reportPaths<Folder extends string>(folder: Folder) {
  return {
    json: `${folder}/report.json`,
    markdown: `${folder}/report.md`,
    html: `${folder}/report.html`,
    timeline: `${folder}/timeline.csv`,
  } as const;
}

/** The paths of a report that is not the newest, from version 1. */
export function olderReport(version: number): Record<'json' | 'markdown' | 'html' | 'timeline', string> {
  return reportPaths(`data/reports/${version}`);
}

/** Artifacts of a plain bag: `data/artifacts/<sha256>`. Bytes that several artifacts have are there once. */
export function artifactPath(sha256: string): string {
  return `data/artifacts/${sha256}`;
}

/** Of the encrypted archive: keeps virus scanners and careless hands away, nothing else. */
export const zipPassword = 'infected';

/** A line of `steps.ndjson`. `record` is the exact text whose sha256 is `detail.record` of the entry `seq`. */
export interface StepLine {
  readonly step: string;
  readonly seq: number;
  readonly record: string;
}

/** A line of `amendments.ndjson`. `record` is the exact text whose sha256 is `detail.record` of the entry `seq` (`run.amended`). */
export interface AmendmentLine {
  readonly version: number;
  readonly seq: number;
  readonly record: string;
}

/** Content that the run refers to and the bag does not have. What policy left on the node is no such content, but {@link Artifact.left}. */
export interface MissingContent {
  readonly sha256: string;
  /** What refers to it: an artifact's id, or the path of a report that it would have in the bag. */
  readonly subject: string;
  /** `destroyed`, of reports only: custody says by whom (`evidence.destroyed`). `lost`: the evidence store should have it and does not. */
  readonly why: 'destroyed' | 'lost';
}

/** One line of a manifest. */
export interface ManifestEntry {
  readonly sha256: string;
  readonly path: string;
}

const older = /^data\/reports\/[1-9][0-9]{0,8}\/(?:report\.(?:json|md|html)|timeline\.csv)$/;
const artifact = /^data\/artifacts\/[0-9a-f]{64}$/;
const fixed: ReadonlySet<string> = new Set([...Object.values(tagFiles), ...Object.values(payloadFiles)]);

/** Whether a bag of ours can have a file with this path. Nothing else is ever unpacked. */
export function isBagPath(path: string): boolean {
  return fixed.has(path) || artifact.test(path) || older.test(path);
}

/** A line of a manifest: `<sha256>  <path>` and a line feed. CR, LF and `%` are percent-encoded, and nothing else (RFC 8493 section 2.1.3). */
export function manifestLine({ sha256, path }: ManifestEntry): string {
  const encoded = path.replace(/[\r\n%]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return `${sha256}  ${encoded}\n`;
}

/** Reads a line of a manifest, without its line feed. Undefined for one that {@link manifestLine} does not write. */
export function readManifestLine(line: string): ManifestEntry | undefined {
  const [, sha256, encoded] = /^([0-9a-f]{64}) {2}([^\r\n]+)$/.exec(line) ?? [];
  if (sha256 === undefined || encoded === undefined || /%(?!0A|0D|25)/.test(encoded)) return undefined;
  return { sha256, path: encoded.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) };
}

/** A manifest as it stands in a bag: its lines, sorted bytewise. */
export function manifestText(entries: Iterable<ManifestEntry>): string {
  return sortedLines(entries).join('');
}

/** What cannot be in the digest that it is signed with. */
const signedBeside: ReadonlySet<string> = new Set([payloadFiles.custody, payloadFiles.checkpoint]);

/**
 * What an export's checkpoint signs as `contents`: sha256, in hex, of the text made of the lines of manifest-sha256.txt, sorted bytewise, but
 * those of data/custody.ndjson and data/checkpoint.jws. By hand: `grep -v -e '  data/custody.ndjson$' -e '  data/checkpoint.jws$'
 * manifest-sha256.txt | LC_ALL=C sort | sha256sum`.
 * @param entries of the manifest; whether those two are among them makes no difference
 */
export function contentsOf(entries: Iterable<ManifestEntry>): string {
  return sha256Hex(manifestText([...entries].filter(({ path }) => !signedBeside.has(path))));
}

/** Code units sort as their UTF-8 bytes do but for surrogates, so bytes are compared. */
function sortedLines(entries: Iterable<ManifestEntry>): string[] {
  const lines = Array.from(entries, (entry) => Buffer.from(manifestLine(entry)));
  return lines.sort((a, b) => a.compare(b)).map(String);
}
