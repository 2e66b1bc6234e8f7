import { type BagFile, textFile } from '../../playbooks/bag/bag-file.js';
import { bagInfoText } from '../../playbooks/bag/bag-info.js';
import { contentsOf, declaration, type MissingContent, manifestText, payloadFiles, tagFiles } from '../../playbooks/bag/layout.js';
import { Tally } from '../../playbooks/bag/tally.js';
import { artifactFiles } from './artifact-files.js';
import type { BagForm, BagMaterial } from './bag-material.js';
import { chainLines } from './chain-lines.js';
import { reportFiles } from './report-files.js';

/**
 * The files of a bag, each made when it is asked for: artifacts, reports, what the run has written down, the seal over all that, chain and
 * checkpoint, manifests. Content that is not what it should be ends it with `store-corrupt`, a run that changes meanwhile with `conflict`:
 * what has been given until then is no bag, as it has no manifest.
 */
export async function* bagFiles(material: BagMaterial, form: BagForm): AsyncGenerator<BagFile> {
  const payload = new Tally();
  const missing: MissingContent[] = [];
  yield* artifactFiles(material, form, payload, missing);
  yield* reportFiles(material, payload, missing);
  for await (const file of writtenDown(material, missing)) yield payload.through(file);
  const seal = await material.seal(contentsOf(payload.entries));
  yield payload.through(lineFile(payloadFiles.custody, chainLines(material, seal.entries)));
  yield payload.through(textFile(payloadFiles.checkpoint, `${seal.jws}\n`));
  yield* tags(material, payload);
}

async function* writtenDown({ source, run, destroyed, keySet }: BagMaterial, missing: readonly MissingContent[]): AsyncGenerator<BagFile> {
  // The store forgets them a while after, as names are in them.
  yield destroyed ? textFile(payloadFiles.artifacts, '') : lineFile(payloadFiles.artifacts, records(source.artifacts(run)));
  yield linesOf(payloadFiles.steps, await source.steps(run));
  yield lineFile(payloadFiles.lookups, source.lookups(run));
  yield linesOf(payloadFiles.amendments, await source.amendments(run));
  yield lineFile(payloadFiles.register, source.register(run));
  yield textFile(payloadFiles.keys, `${JSON.stringify(keySet)}\n`);
  if (missing.length > 0) yield textFile(payloadFiles.missing, `${JSON.stringify(missing, undefined, 1)}\n`);
}

function* tags({ run, request, at }: BagMaterial, payload: Tally): Generator<BagFile> {
  const { caseId, organisation, examiner, reason, target } = request;
  const size = { octets: payload.octets, files: payload.entries.length };
  const info = bagInfoText({ run, caseId, organisation, examiner, reason, target, baggedAt: at, ...size });
  const tags = new Tally();
  yield tags.through(textFile(tagFiles.declaration, declaration));
  yield tags.through(textFile(tagFiles.info, info));
  yield tags.through(textFile(tagFiles.manifest, manifestText(payload.entries)));
  yield textFile(tagFiles.tagManifest, manifestText(tags.entries));
}

async function* records(artifacts: AsyncIterable<{ readonly record: string }>): AsyncGenerator<string> {
  for await (const { record } of artifacts) yield record;
}

function linesOf(path: string, items: readonly object[]): BagFile {
  return textFile(path, items.map((item) => `${JSON.stringify(item)}\n`).join(''));
}

function lineFile(path: string, lines: AsyncIterable<string>): BagFile {
  return { path, bytes: terminated(lines) };
}

async function* terminated(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}
