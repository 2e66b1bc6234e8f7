import { TriageError } from '../domain/error.js';
import type { BagFile } from './bag-file.js';
import { isBagPath, manifestText, tagFiles } from './layout.js';
import { Tally } from './tally.js';

/** More than the manifest of any run: 100,000 files. */
const maxManifest = 64 * 1024 * 1024;

/** What the files of a bag must agree in, checked while they pass from where they come to where they go. */
export class CheckedBag {
  readonly #payload = new Tally();
  readonly #tags = new Tally();
  readonly #manifests = new Map<string, Buffer[]>();
  readonly #seen = new Set<string>();

  /**
   * The same files. After the last one, throws `digest-mismatch` unless manifest and tag manifest list just them, with their hashes. Throws
   * `invalid-request` for a path that no bag of ours has, or that comes twice.
   */
  async *files(files: AsyncIterable<BagFile>): AsyncGenerator<BagFile> {
    for await (const file of files) {
      if (!isBagPath(file.path)) throw new TriageError('invalid-request', 'the bag holds a file that no bag has; nothing of it is kept');
      if (this.#seen.has(file.path)) throw new TriageError('invalid-request', `the bag holds ${file.path} twice; nothing of it is kept`);
      this.#seen.add(file.path);
      yield this.#tallyOf(file.path).through({ ...file, bytes: this.#remembered(file) });
    }
    this.#compare(tagFiles.manifest, this.#payload);
    const tags = new Tally();
    tags.entries.push(...this.#tags.entries.filter(({ path }) => path !== tagFiles.tagManifest));
    this.#compare(tagFiles.tagManifest, tags);
  }

  /** Of manifest-sha256.txt, once all files have passed. */
  get manifestSha256(): string {
    return this.#tags.entries.find(({ path }) => path === tagFiles.manifest)?.sha256 ?? '';
  }

  #tallyOf(path: string): Tally {
    return path.startsWith('data/') ? this.#payload : this.#tags;
  }

  async *#remembered({ path, bytes }: BagFile): AsyncGenerator<Uint8Array> {
    const isManifest = path === tagFiles.manifest || path === tagFiles.tagManifest;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.length;
      if (isManifest && size > maxManifest) throw new TriageError('limit-exceeded', `${path} is larger than that of any bag`);
      if (isManifest) chunks.push(Buffer.from(chunk));
      yield chunk;
    }
    if (isManifest) this.#manifests.set(path, chunks);
  }

  #compare(path: string, { entries }: Tally): void {
    const text = this.#manifests.get(path);
    if (text === undefined) throw new TriageError('digest-mismatch', `the bag has no ${path}: it is not whole`);
    if (Buffer.concat(text).toString('utf8') !== manifestText(entries))
      throw new TriageError('digest-mismatch', `the files of the bag are not those that its ${path} lists`);
  }
}
