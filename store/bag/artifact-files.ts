import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { artifactPath, type MissingContent, payloadFiles, zipPassword } from '../../playbooks/bag/layout.js';
import { Tally } from '../../playbooks/bag/tally.js';
import type { BagForm, BagMaterial } from './bag-material.js';
import { openKept } from './open-kept.js';
import { zipOf } from './zip.js';

/**
 * The content of all artifacts, each once: in an encrypted archive, or as files. What should be there and is not is added to `missing`. None
 * where the run's evidence was destroyed: what other runs have in common with it is not given away in its name.
 */
export async function* artifactFiles(material: BagMaterial, form: BagForm, payload: Tally, missing: MissingContent[]): AsyncGenerator<BagFile> {
  if (material.destroyed) return;
  if (form === 'plain') {
    for await (const { sha256, file } of contents(material, missing)) yield payload.through({ ...file, path: artifactPath(sha256) }, sha256);
    return;
  }
  const bytes = zipOf(checked(contents(material, missing)), { at: material.at, password: zipPassword });
  yield payload.through({ path: payloadFiles.artifactsZip, bytes });
}

interface Content {
  readonly sha256: string;
  /** With the sha256 as its path. */
  readonly file: BagFile;
}

async function* checked(contents: AsyncIterable<Content>): AsyncGenerator<BagFile> {
  const tally = new Tally();
  for await (const { sha256, file } of contents) yield tally.through(file, sha256);
}

async function* contents({ source, run, evidence }: BagMaterial, missing: MissingContent[]): AsyncGenerator<Content> {
  const seen = new Set<string>();
  for await (const { artifact } of source.artifacts(run)) {
    const { id, sha256, size, left } = artifact;
    if (left === true || seen.has(sha256)) continue;
    seen.add(sha256);
    const bytes = await openKept(evidence, sha256);
    if (bytes === undefined) missing.push({ sha256, subject: id, why: 'lost' });
    else yield { sha256, file: { path: sha256, size, bytes } };
  }
}
