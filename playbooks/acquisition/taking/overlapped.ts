/** What is done with each item. */
export interface Stages<Item, Prepared, Result> {
  prepare(this: void, item: Item, signal: AbortSignal): Promise<Prepared>;
  /** @param next to be called when the next item may begin to be taken; else it begins when this one has been taken */
  take(this: void, item: Item, prepared: Prepared, signal: AbortSignal, next: () => void): Promise<Result>;
}

/**
 * Takes items in order while the next one is prepared. The end of one taking may overlap with the next one: at most two go on at a time. When
 * taking fails, all that is under way is ended and waited for; when preparing fails, what was prepared before has been taken.
 */
export async function overlapped<Item, Prepared, Result>(
  items: Iterable<Item>,
  { prepare, take }: Stages<Item, Prepared, Result>,
  signal: AbortSignal,
): Promise<Result[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const takings: Promise<Result>[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let preparing: Promise<unknown> = Promise.resolve();
  try {
    for (const item of items) {
      const prepared = prepare(item, either);
      preparing = prepared;
      // Its failure is told below, when its turn has come.
      prepared.catch(() => undefined);
      await Promise.all([turn, takings.at(-2)]);
      const at = await prepared.catch(async (error: unknown) => {
        await Promise.all(takings);
        throw error;
      });
      turn = new Promise((resolve, reject) => {
        const taking = take(item, at, either, () => resolve(undefined));
        taking.catch((error: unknown) => stop.abort(error));
        taking.then(resolve, reject);
        takings.push(taking);
      });
      turn.catch(() => undefined);
    }
    return await Promise.all(takings);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled([preparing, ...takings]);
    throw error;
  }
}
