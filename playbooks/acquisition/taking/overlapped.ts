/**
 * Takes items in order, one at a time, while the next one is prepared. When taking fails, the preparation at hand is ended and waited for;
 * when preparing fails, what was prepared before has been taken.
 */
export async function overlapped<Item, Prepared, Result>(
  items: Iterable<Item>,
  prepare: (item: Item, signal: AbortSignal) => Promise<Prepared>,
  take: (item: Item, prepared: Prepared) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const results: Result[] = [];
  let taking: Promise<void> = Promise.resolve();
  let preparing: Promise<unknown> = Promise.resolve();
  try {
    for (const item of items) {
      const prepared = prepare(item, either);
      preparing = prepared;
      // Its failure is told below, when its turn has come.
      prepared.catch(() => undefined);
      await taking;
      const at = await prepared;
      taking = take(item, at).then((result) => {
        results.push(result);
      });
      taking.catch(() => undefined);
    }
    await taking;
    return results;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled([preparing, taking]);
    throw error;
  }
}
