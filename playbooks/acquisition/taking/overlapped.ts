import { throwIfAborted } from '../../domain/error.js';

/** What is done with each item. */
export interface Stages<Item, Prepared, Result> {
  prepare(this: void, item: Item, signal: AbortSignal): Promise<Prepared>;
  /** @param next to be called when the next item may begin to be taken; else it begins when this one has been taken */
  take(this: void, item: Item, prepared: Prepared, signal: AbortSignal, next: () => void): Promise<Result>;
}

/**
 * Takes items in order while the next one is prepared. The end of one taking may overlap with the next one: at most two go on at a time. A taking
 * that fails ends what came after it, and those before it come to their end; when preparing fails, what was prepared before has been taken.
 */
export async function overlapped<Item, Prepared, Result>(
  items: Iterable<Item>,
  { prepare, take }: Stages<Item, Prepared, Result>,
  signal: AbortSignal,
): Promise<Result[]> {
  const takings: Promise<Result>[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let preparing: Promise<unknown> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  let ofNext = signal;
  try {
    for (const item of items) {
      const own = ofNext;
      const failed = new AbortController();
      ofNext = AbortSignal.any([own, failed.signal]);
      const prepared = prepare(item, own);
      preparing = prepared;
      // Its failure is told below, when its turn has come.
      prepared.catch(() => undefined);
      await Promise.all([turn, takings.at(-2)]);
      const at = await prepared;
      // The one before may have failed after it had let this one begin.
      throwIfAborted(own);
      turn = new Promise((resolve, reject) => {
        const taking = told(
          () => take(item, at, own, () => resolve(undefined)),
          (error) => {
            failure ??= { error };
            failed.abort(error);
          },
        );
        taking.then(resolve, reject);
        takings.push(taking);
      });
      turn.catch(() => undefined);
    }
    return await Promise.all(takings);
  } catch (error) {
    await Promise.allSettled([preparing, ...takings]);
    throw failure === undefined ? error : failure.error;
  }
}

/** Tells of a failure in the moment in which it comes. */
async function told<T>(act: () => Promise<T>, onFailure: (error: unknown) => void): Promise<T> {
  try {
    return await act();
  } catch (error) {
    onFailure(error);
    throw error;
  }
}
