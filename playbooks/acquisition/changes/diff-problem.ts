/** Something of a diff that could not be had: a gap of the run. */
export interface DiffProblem {
  /** The path it is about; absent for the whole file system. Raw bytes: safe to print after pathName(). */
  readonly path?: Buffer;
  readonly reason: string;
  readonly detail: string;
}

/** Names as one problem, as a suspect can make a hundred thousand of them. */
export function problemOfMany(paths: readonly Buffer[], reason: string, detail: string): DiffProblem[] {
  const [path] = paths;
  if (path === undefined) return [];
  return [{ path, reason, detail: paths.length === 1 ? detail : `${detail} (this and ${paths.length - 1} more)` }];
}
