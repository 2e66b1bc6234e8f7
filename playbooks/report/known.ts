import type { Artifact, ArtifactSource } from '../domain/artifact.js';
import type { ContentFacts } from '../domain/content.js';
import type { PackageFile } from '../domain/package.js';
import { sourceKey } from '../judgement/subject.js';
import { contentText } from './content-text.js';
import { packageText } from './package-text.js';

/** What is known of bytes and paths beside what the listing says, in words; absent where nothing is. */
export interface KnownTexts {
  readonly contentText?: string;
  readonly packageText?: string;
}

/** Content facts by hash and packages by path. */
export class Known {
  readonly #content: ReadonlyMap<string, ContentFacts>;
  readonly #packages: ReadonlyMap<string, PackageFile>;
  readonly #files: ReadonlyMap<string, Artifact>;

  constructor(content: Iterable<ContentFacts>, packages: Iterable<PackageFile>, artifacts: Iterable<Artifact>) {
    this.#content = new Map(Array.from(content, (facts) => [facts.sha256, facts]));
    this.#packages = new Map(Array.from(packages, (file) => [sourceKey({ ...file, place: { kind: 'rootfs' } }), file]));
    const files = Array.from(artifacts).filter(({ kind }) => kind === 'file');
    this.#files = new Map(files.flatMap((file) => (file.source === undefined ? [] : [[sourceKey(file.source), file] as const])));
  }

  content(sha256: string | undefined): ContentFacts | undefined {
    return sha256 === undefined ? undefined : this.#content.get(sha256);
  }

  /** The file that was acquired from a path. */
  file(source: Pick<ArtifactSource, 'containerId' | 'place' | 'path'>): Artifact | undefined {
    return this.#files.get(sourceKey(source));
  }

  texts(sha256: string | undefined, source: ArtifactSource | undefined): KnownTexts {
    const facts = this.content(sha256);
    const file = source === undefined ? undefined : this.#packages.get(sourceKey(source));
    const said = source === undefined || file === undefined ? '' : packageText(file, this.file(source));
    const content = facts === undefined ? '' : contentText(facts);
    return { ...(content === '' ? {} : { contentText: content }), ...(said === '' ? {} : { packageText: said }) };
  }
}
