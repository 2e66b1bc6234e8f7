/** Paths that a database is asked about, as rpm takes them apart: the directory with both its slashes, and the name. */
export class WantedPaths {
  private readonly directories = new Map<string, Map<string, string>>();
  /** No part of a path is longer. */
  readonly longest: number;

  /** @param paths latin1 of the raw bytes, relative to the root */
  constructor(paths: Iterable<string>) {
    let longest = 0;
    for (const path of paths) {
      const slash = path.lastIndexOf('/');
      const directory = `/${path.slice(0, slash + 1)}`;
      const names = this.directories.get(directory) ?? new Map<string, string>();
      names.set(path.slice(slash + 1), path);
      this.directories.set(directory, names);
      longest = Math.max(longest, path.length + 1);
    }
    this.longest = longest;
  }

  /** The paths in a directory, by name. */
  inDirectory(directory: string | undefined): ReadonlyMap<string, string> | undefined {
    return directory === undefined ? undefined : this.directories.get(directory);
  }
}
