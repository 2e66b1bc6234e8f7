/** One file of a bag on its way: out of a run, an archive or a folder, into another of these. */
export interface BagFile {
  /** See `isBagPath`. */
  readonly path: string;
  /** In bytes, where it is known before the content is. */
  readonly size?: number;
  /** To be read once, to its end, and before the next file is asked for. */
  readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A small file that is all there. */
export function textFile(path: string, text: string): BagFile {
  const bytes = Buffer.from(text);
  return { path, size: bytes.length, bytes: [bytes] };
}

/** The same files in a folder of an archive. */
export async function* inFolder(folder: string, files: AsyncIterable<BagFile>): AsyncGenerator<BagFile> {
  for await (const file of files) yield { ...file, path: `${folder}/${file.path}` };
}
