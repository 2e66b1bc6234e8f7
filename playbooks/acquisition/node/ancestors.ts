/** The directories above `path`, topmost first: `a` and `a/b` of `a/b/c`. */
export function ancestorsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The directory that `path` lies in; empty for what lies at the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Paths as raw bytes, each directory before what is in it, and each once. */
export function withEveryAncestor(paths: Iterable<string>): Buffer[] {
  const all = new Set<string>();
  for (const path of paths) for (const one of [...ancestorsOf(path), path]) all.add(one);
  return [...all].map((path) => Buffer.from(path, 'latin1'));
}
