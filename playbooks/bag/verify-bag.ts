import type { KeyObject } from 'node:crypto';
import { asTriageError } from '../domain/error.js';
import { checkChain, checkRequest, type WalkedChain } from './check-chain.js';
import { checkCheckpoints, checkContents, checkEnd, checkIsSealed, type PlacedCheckpoint } from './check-checkpoint.js';
import { ContentList, checkContent, readMissing } from './check-content.js';
import { checkFacts, FileCounts } from './check-facts.js';
import { checkDeclaration, checkInfo } from './check-info.js';
import { bagKeys, checkKeysUsed, checkSigners } from './check-keys.js';
import { checkManifests } from './check-manifests.js';
import { RecordCheck, type SignedRecords } from './check-records.js';
import { checkRegistered, readRegister } from './check-register.js';
import { checkReports, reportVersions } from './check-reports.js';
import { checkStructure, isBag } from './check-structure.js';
import { Findings } from './findings.js';
import { artifactPath, payloadFiles } from './layout.js';
import type { BagEntry, BagReader } from './reader.js';
import { textLines, wholeText } from './text-lines.js';
import { coverageOf, type Verification } from './verification.js';

/**
 * Verifies a bag, offline: that its files, its chain, its records and its reports are what was signed. After what is wrong it goes on as far as
 * it can, so that every place is told. Does not throw for anything that the bag holds.
 * @param pinned the keys that the reader trusts, by `kid`
 */
export async function verifyBag(bag: BagReader, { pinned }: { readonly pinned?: ReadonlyMap<string, KeyObject> } = {}): Promise<Verification> {
  if (!isBag(bag)) return nothing('it is no bag: it has neither bagit.txt nor a manifest nor a chain of custody', pinned !== undefined);
  return new BagCheck(bag, pinned).run();
}

function nothing(why: string, pinned: boolean): Verification {
  return { state: 'not-checkable', checks: [], problems: [], coverage: {}, signers: [], pinned, notes: [why] };
}

class BagCheck {
  readonly #findings = new Findings();
  readonly #content = new ContentList();
  readonly #counts = new FileCounts();
  readonly #hashes = new Map<string, string>();
  readonly #files: ReadonlyMap<string, BagEntry>;

  constructor(
    private readonly bag: BagReader,
    private readonly pinned: ReadonlyMap<string, KeyObject> | undefined,
  ) {
    this.#files = checkStructure(bag, this.#findings);
  }

  async run(): Promise<Verification> {
    const findings = this.#findings;
    const version = await checkDeclaration(this.bag, this.#files, findings);
    const { own, all } = await bagKeys(this.bag, this.#files, this.pinned ?? new Map(), findings);
    const chain = await this.#chain(all);
    const placed = await checkCheckpoints(chain, payloadFiles.custody, all, findings);
    const end = checkEnd(chain, placed, await this.#jws(), findings);
    checkIsSealed(placed, findings);
    const registrars = await this.#register(chain, placed, end, all);
    const records = await this.#records(chain);
    await this.#contents(chain, records, end);
    await checkInfo(this.bag, { facts: chain.facts, files: this.#files, sealedAt: end?.checkpoint.at }, findings);
    const others = new Set([...registrars, ...placed.map(({ checkpoint }) => checkpoint.by)]);
    checkKeysUsed(own, new Set([...chain.walk.signers.keys(), ...others]), findings);
    const signers = checkSigners(chain.walk.signers, { pinned: this.pinned, others, file: payloadFiles.custody }, findings);
    // A later version of BagIt is nothing wrong in itself, but nothing that can be checked here.
    const unknown = version !== undefined && findings.count() === 1;
    return {
      state: findings.count() === 0 ? 'holds' : unknown ? 'not-checkable' : 'broken',
      ...(chain.run === undefined ? {} : { run: chain.run }),
      checks: findings.checks(),
      problems: findings.problems(),
      coverage: coverageOf(chain, placed),
      signers,
      pinned: this.pinned !== undefined,
      notes: this.#notes(chain),
    };
  }

  async #chain(keys: ReadonlyMap<string, KeyObject>): Promise<WalkedChain> {
    const file = payloadFiles.custody;
    const chain = await checkChain({ lines: textLines(this.#read(file)), file }, keys, this.#findings);
    checkRequest(chain, file, this.#findings);
    return chain;
  }

  async #jws(): Promise<string | undefined> {
    const path = payloadFiles.checkpoint;
    if (!this.#files.has(path)) return undefined;
    try {
      return await wholeText(this.bag.read(path), 64 * 1024);
    } catch (error) {
      this.#findings.problem('checkpoint', path, asTriageError(error).message);
      return undefined;
    }
  }

  /** Gives the ids of the keys that signed in the register. */
  async #register(
    chain: WalkedChain,
    placed: readonly PlacedCheckpoint[],
    end: PlacedCheckpoint | undefined,
    keys: ReadonlyMap<string, KeyObject>,
  ): Promise<string[]> {
    const file = payloadFiles.register;
    const entries = await readRegister({ lines: textLines(this.#read(file)), file }, keys, this.#findings, end?.checkpoint.register);
    checkRegistered(chain, { entries, placed, file }, this.#findings);
    return entries.map(({ by }) => by);
  }

  #records({ facts }: WalkedChain): Promise<SignedRecords> {
    return new RecordCheck(this.bag, this.#files, facts, this.#findings).run((artifact) => {
      this.#content.add(artifact);
      this.#counts.add(artifact);
      this.#hashes.set(artifact.id, artifact.sha256);
    });
  }

  async #contents(chain: WalkedChain, records: SignedRecords, end: PlacedCheckpoint | undefined): Promise<void> {
    const findings = this.#findings;
    const files = this.#files;
    const sizes = new Map([...this.#content.wanted].map(([sha256, { size }]) => [artifactPath(sha256), size]));
    const { digests, manifest } = await checkManifests(this.bag, files, (path) => sizes.get(path), findings);
    if (end !== undefined) checkContents(manifest, end.checkpoint, findings);
    const missing = await readMissing(this.bag, files, chain.facts, findings);
    await checkContent(this.bag, { files, digests, wanted: this.#content.wanted, missing }, findings);
    const versions = reportVersions(records);
    checkReports(versions, { facts: chain.facts, digests, missing }, findings);
    const run = { chain, records, files: this.#counts, hashes: this.#hashes };
    for (const version of versions) if (digests.has(version.paths.json)) await checkFacts(this.bag, version, run, findings);
  }

  #read(path: string): AsyncIterable<Uint8Array> {
    return this.#files.has(path) ? this.bag.read(path) : empty();
  }

  #notes({ facts }: WalkedChain): string[] {
    const { left } = this.#content;
    const destroyed = facts.destroyed.map(({ seq, at, actor }) => `evidence was destroyed at ${at} by ${actor} (entry ${seq}); its records stay`);
    return [
      ...(left === 0 ? [] : [`of ${left} artifacts policy left the content on the node: their hashes are signed, their bytes are not in the bag`]),
      ...destroyed,
    ];
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- a file that is not there
async function* empty(): AsyncGenerator<Uint8Array> {
  yield* [];
}
