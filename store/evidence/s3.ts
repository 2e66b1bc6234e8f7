import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { TriageError } from '../../playbooks/domain/error.js';
import { type Digests, hashesTo } from './digest.js';
import type { EvidenceKeeper } from './keeper.js';
import { nameOf, placeOf } from './names.js';
import { openClient, type S3Place } from './s3-client.js';
import { type S3Content, S3Objects } from './s3-objects.js';
import { probe } from './s3-probe.js';
import { wholeStream } from './s3-stream.js';
import { Stager } from './stager.js';
import { TemporaryFolder } from './temporary-folder.js';

/** What one PutObject can bear (Amazon S3 User Guide, "Uploading objects"). In parts, no server would check the hash of the whole. */
const maxBytes = 5 * 1024 ** 3;

/** How often one file is looked at again when the server's answers do not agree, as others write and remove it meanwhile. */
const tries = 10;

/** A store of several machines, and how to ask whether it still is there. */
export interface S3Evidence extends EvidenceKeeper {
  ready(): Promise<void>;
}

/**
 * Opens the store in a bucket: `<prefix>sha256/ab/<62 digits>`, each written once and straight to its place, checked by the server.
 * @param staging folder of this machine for bytes that are not evidence yet
 * @throws TriageError `config-invalid` for a bucket, credentials or a server that will not do; `store-unwritable`
 */
export async function createS3Evidence(place: S3Place, staging: string): Promise<S3Evidence> {
  const objects = new S3Objects(await openClient(place), place);
  await probe(objects, place.bucket);
  const stager = new Stager(await TemporaryFolder.open(staging), {
    small: (digest, data, signal) => keep(objects, digest, () => data, signal),
    large: (digest, file, signal) => keep(objects, digest, () => createReadStream(file), signal),
    maxBytes,
  });
  return {
    has: async (sha256) => (await objects.head(placeOf(sha256))) !== undefined,
    put: (source, signal, expected) => stager.put(source, signal, expected),
    stage: (source, signal, expected) => stager.stage(source, signal, expected),
    open: (sha256) => open(objects, sha256),
    check: async (sha256, signal) => hashesTo(sha256, await open(objects, sha256), signal),
    all: (signal) => all(objects, signal),
    remove: (sha256, stillDoomed) => remove(objects, sha256, stillDoomed),
    putBack: () => Promise.resolve(),
    ready: () => objects.bucket(),
  };
}

/** Returns whether the store had the bytes before; also when it was ourselves, and only the answer got lost. */
async function keep(objects: S3Objects, digest: Digests, body: () => Uint8Array | Readable, signal?: AbortSignal): Promise<boolean> {
  const { sha256, size } = digest;
  const content: S3Content = { sha256, size, open: body };
  const place = placeOf(sha256);
  for (let number = 1; number <= tries; number += 1) {
    if (await objects.create(place, content, { signal })) return false;
    const found = await objects.head(place);
    // Removed between the two: then it is new after all.
    if (found === undefined) continue;
    if (found.size === size && (found.sha256 ?? sha256) === sha256) return true;
    throw new TriageError('store-corrupt', `the store's object ${place} is not what its name says; restore it from a copy`);
  }
  throw new TriageError('store-unwritable', `the S3 server says that ${place} is there and that it is not; look at its log`);
}

async function open(objects: S3Objects, sha256: string): Promise<Readable> {
  const found = await objects.read(placeOf(sha256));
  if (found === undefined) throw new TriageError('not-found', `the evidence store does not have ${sha256}`);
  return wholeStream(found.body, found.size);
}

async function* all(objects: S3Objects, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  for await (const key of objects.keys('sha256/', signal)) {
    const name = nameOf(key);
    if (name !== undefined) yield name;
  }
}

/**
 * Asks whether it still may before each order, and names the version that it saw before it asked: with versions in the bucket, bytes that were
 * put anew after that are another version, and stay. Without them one danger is left: a process that is suspended between the question and the
 * order for longer than its mark lasts would, once awake, remove bytes that another run has put meanwhile. No condition of S3 tells equal
 * bytes apart.
 */
async function remove(objects: S3Objects, sha256: string, stillDoomed: () => Promise<boolean> = () => Promise.resolve(true)): Promise<void> {
  const place = placeOf(sha256);
  for (let number = 1; number <= tries; number += 1) {
    const found = await objects.head(place);
    if (found === undefined || !(await stillDoomed())) return;
    await objects.remove(place, found);
  }
  throw new TriageError('store-unwritable', `the S3 server took ${tries} orders to remove ${place}, and it is still there`);
}
