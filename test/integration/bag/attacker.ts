import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { keyIdOf } from '../../../playbooks/bag/key-set.js';
import { contentsOf, type ManifestEntry, manifestText, payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import { canonical } from '../../../playbooks/domain/canonical.js';
import type { Checkpoint } from '../../../playbooks/domain/checkpoint.js';
import { type CustodyEntry, entryHash, sha256Hex } from '../../../playbooks/domain/custody.js';
import { signCheckpoint } from '../../../store/checkpoint.js';

export interface ForgerKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A key of his own, whatever he calls it. */
export function forgerKey(kid?: string): ForgerKey {
  const pair = generateKeyPairSync('ed25519');
  return { ...pair, kid: kid ?? keyIdOf(pair.publicKey) };
}

type Unsigned = Omit<CustodyEntry, 'hash' | 'sig'>;

/** Someone who has a bag to himself for a while, and knows how bags are made. */
export class Attacker {
  private constructor(readonly folder: string) {}

  static of(bag: string, folder: string): Attacker {
    cpSync(bag, folder, { recursive: true, verbatimSymlinks: true });
    return new Attacker(folder);
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  read(file: string): Buffer {
    return readFileSync(this.path(file));
  }

  write(file: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    rmSync(this.path(file), { force: true });
    writeFileSync(this.path(file), content);
  }

  edit(file: string, change: (text: string) => string): void {
    const text = this.read(file).toString('utf8');
    const changed = change(text);
    if (changed === text) throw new Error(`nothing to change in ${file}`);
    this.write(file, changed);
  }

  remove(file: string): void {
    rmSync(this.path(file), { recursive: true });
  }

  has(file: string): boolean {
    return existsSync(this.path(file));
  }

  lines(file: string): string[] {
    return this.read(file).toString('utf8').split('\n').slice(0, -1);
  }

  writeLines(file: string, lines: readonly string[]): void {
    this.write(file, lines.map((line) => `${line}\n`).join(''));
  }

  /** All regular files, by path in the bag. */
  files(): string[] {
    const all = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.folder, join(entry.parentPath, entry.name)))
      .sort();
  }

  flip(file: string, bit: number): void {
    const bytes = Buffer.from(this.read(file));
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    this.write(file, bytes);
  }

  private payload(): ManifestEntry[] {
    return this.files()
      .filter((path) => path.startsWith('data/'))
      .map((path) => ({ path, sha256: sha256Hex(this.read(path)) }));
  }

  /** Makes both manifests and the size in bag-info.txt fit whatever is there now. */
  cover(): void {
    const payload = this.payload();
    const octets = payload.reduce((sum, { path }) => sum + lstatSync(this.path(path)).size, 0);
    if (this.has(tagFiles.info)) {
      const info = this.read(tagFiles.info).toString('latin1');
      this.write(tagFiles.info, Buffer.from(info.replace(/^Payload-Oxum: .*$/m, `Payload-Oxum: ${octets}.${payload.length}`), 'latin1'));
    }
    this.write(tagFiles.manifest, manifestText(payload));
    this.coverTags();
  }

  /** Makes the tag manifest fit. */
  coverTags(): void {
    const tags = [tagFiles.declaration, tagFiles.info, tagFiles.manifest].filter((path) => this.has(path));
    this.write(tagFiles.tagManifest, manifestText(tags.map((path) => ({ path, sha256: sha256Hex(this.read(path)) }))));
  }

  chain(): CustodyEntry[] {
    return this.lines(payloadFiles.custody).map((line) => JSON.parse(line) as CustodyEntry);
  }

  /**
   * Makes chain, register and checkpoints anew, signed by whoever `signers` gives for the key that had signed, and covers that.
   * @param edit changes an entry before it is signed
   */
  async signAnew(signers: (kid: string) => ForgerKey, edit: (entry: CustodyEntry) => CustodyEntry = (entry) => entry): Promise<void> {
    const entries: CustodyEntry[] = [];
    const chain = this.chain();
    for (const [seq, old] of chain.entries()) {
      if (seq === chain.length - 1) await this.registerAnew(entries, signers);
      const key = signers(old.by);
      const edited = unsigned(edit({ ...old, seq, prev: entries.at(-1)?.hash ?? '', by: key.kid }));
      const body = old.act === 'run.checkpoint' ? { ...edited, detail: await this.checkpoint(edited, key, seq === chain.length - 1) } : edited;
      entries.push(signed(body, key));
    }
    this.writeLines(
      payloadFiles.custody,
      entries.map((entry) => canonical(entry)),
    );
    this.write(payloadFiles.checkpoint, `${String(entries.at(-1)?.detail['jws'])}\n`);
    this.cover();
  }

  /** After the chain has been made anew: the report names an entry of it, and is an artifact, and its step has its digest. */
  async reportAnew(signers: (kid: string) => ForgerKey): Promise<void> {
    const text = this.read(payloadFiles.json).toString();
    const { entries, head } = (JSON.parse(text) as { custody: { entries: number; head: string } }).custody;
    const swapped = new Map([[head, this.chain()[entries - 1]?.hash ?? '']]);
    const anew = (old: string): string => [...swapped].reduce((all, [from, to]) => all.replaceAll(from, to), old);
    const keep = (old: string): string => {
      swapped.set(sha256Hex(old), sha256Hex(anew(old)));
      return anew(old);
    };
    this.write(payloadFiles.json, keep(text));
    const artifact = `data/artifacts/${sha256Hex(text)}`;
    this.remove(artifact);
    this.write(`data/artifacts/${sha256Hex(anew(text))}`, anew(text));
    this.writeLines(payloadFiles.artifacts, this.lines(payloadFiles.artifacts).map(keep));
    const steps = this.lines(payloadFiles.steps).map((line) => JSON.parse(line) as { record: string });
    this.writeLines(
      payloadFiles.steps,
      steps.map((step) => JSON.stringify({ ...step, record: keep(step.record) })),
    );
    await this.signAnew(signers, (entry) => ({ ...entry, detail: JSON.parse(anew(JSON.stringify(entry.detail))) as CustodyEntry['detail'] }));
  }

  private async checkpoint(entry: Unsigned, key: ForgerKey, last: boolean): Promise<Record<string, unknown>> {
    const old = payloadOf(String(entry.detail['jws']));
    const place = { seq: entry.seq - 1, hash: entry.prev };
    const registered = this.lines(payloadFiles.register).map((line) => JSON.parse(line) as CustodyEntry);
    const end = registered.at(-1);
    const register = last && end !== undefined && old.register?.seq === end.seq ? { register: { seq: end.seq, hash: end.hash } } : {};
    const contents = last ? { contents: contentsOf(this.payload()) } : {};
    const jws = await signCheckpoint({ ...old, ...place, ...register, ...contents }, key);
    return { ...place, jws };
  }

  private registerAnew(chain: readonly CustodyEntry[], signers: (kid: string) => ForgerKey): Promise<void> {
    let before: CustodyEntry | undefined;
    const lines = this.lines(payloadFiles.register).map((line) => {
      const old = JSON.parse(line) as CustodyEntry;
      const key = signers(old.by);
      const body = unsigned(old);
      const at = Number(body.detail['seq'] ?? 0);
      const detail = { ...body.detail, head: chain[at]?.hash };
      const prev = before?.seq === old.seq - 1 ? before.hash : old.prev;
      before = signed({ ...body, by: key.kid, detail, prev }, key);
      return canonical(before);
    });
    this.writeLines(payloadFiles.register, lines);
    return Promise.resolve();
  }

  /** Puts keys in the place of those of the bag. */
  publish(keys: readonly ForgerKey[]): void {
    const set = keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'EdDSA' }));
    this.write(payloadFiles.keys, `${JSON.stringify({ keys: set })}\n`);
  }
}

/** What of an entry is hashed. */
export function unsigned({ id, seq, at, run, actor, by, act, subject, detail, prev }: CustodyEntry): Unsigned {
  return { id, seq, at, run, actor, by, act, ...(subject === undefined ? {} : { subject }), detail, prev };
}

/** Hashes and signs an entry. */
export function signed(body: Unsigned, { privateKey }: ForgerKey): CustodyEntry {
  const hash = entryHash(body);
  return { ...body, hash, sig: sign(null, Buffer.from(hash, 'hex'), privateKey).toString('base64url') };
}

/** What a checkpoint says. */
export function payloadOf(jws: string): Checkpoint {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Checkpoint;
}
