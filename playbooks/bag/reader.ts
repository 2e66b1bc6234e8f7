/** What stands at a place of a bag; nothing but files and folders belongs there. */
export type BagEntryType = 'file' | 'folder' | 'link' | 'other';

/** One name that a bag has. Two entries with the same path are possible in an archive, and a fault. */
export interface BagEntry {
  /** Relative to the bag's folder, with `/`. A name that is no UTF-8 is written as `displayText` does. */
  readonly path: string;
  readonly type: BagEntryType;
  /** In bytes, uncompressed. */
  readonly size: number;
  /** What is wrong with the name or the entry itself, such as a place outside of the bag; it is then not read. */
  readonly trouble?: string;
}

/** One file of the encrypted archive in a bag. */
export interface ArchivedFile {
  readonly name: string;
  /** Uncompressed. */
  readonly size: number;
  readonly trouble?: string;
  /** Its bytes, decrypted; at most `size`. Throws `store-corrupt` where the archive does not have them. */
  read(): AsyncIterable<Uint8Array>;
}

/** An archive as it stands in a bag. */
export interface BagArchive {
  readonly files: readonly ArchivedFile[];
  /** What is wrong with the archive as a whole. */
  readonly troubles: readonly string[];
}

/** A bag wherever it is: a folder, an archive. Nothing of it is followed, executed or written anywhere. */
export interface BagReader {
  /** All that it has; of folders that no bag has only the folder itself. */
  readonly entries: readonly BagEntry[];
  /** What is wrong with it as a whole, such as bytes of an archive that belong to no entry. */
  readonly troubles: readonly string[];
  /** The bytes of a file that `entries` has without trouble; at most its size. Throws `store-corrupt` where it cannot be read or has changed. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Opens an encrypted archive in the bag, which stands in it uncompressed. Throws `store-corrupt` for what is none. */
  archive(path: string, password: string): Promise<BagArchive>;
}
