import { TriageError } from '../../playbooks/domain/error.js';

/** The `code` of a Node system error, or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What a failed write to the store means: `store-full` (ENOSPC, EDQUOT) or `store-unwritable`. */
export function storeError(error: unknown, what: string): TriageError {
  if (error instanceof TriageError) return error;
  const code = systemCode(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TriageError('store-full', `the evidence store is full: could not ${what}; free space or move the store (${text})`, { cause: error });
  }
  return new TriageError('store-unwritable', `could not ${what} in the evidence store; check its folder's owner and mount (${text})`, {
    cause: error,
  });
}

/** Runs one act on the store's files and translates its failure; see {@link storeError}. */
export async function onStore<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw storeError(error, what);
  }
}
