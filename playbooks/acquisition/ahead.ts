/** Items that are under way at a time. */
const many = 16;

/**
 * Begins work on items ahead of time, and gives what came of it in their order: where every answer has a way to come, one after the other would
 * take minutes. What was begun for a reader who has left is given to `drop`.
 */
export async function* ahead<Item, Result>(
  items: Iterable<Item>,
  begin: (item: Item) => Promise<Result>,
  drop: (result: Result) => void = () => undefined,
): AsyncGenerator<readonly [Item, Result], void, undefined> {
  const begun: (readonly [Item, Promise<Result>])[] = [];
  try {
    for (const item of items) {
      const result = begin(item);
      // Its failure is told when its turn has come.
      result.catch(() => undefined);
      begun.push([item, result]);
      if (begun.length >= many) yield* first(begun);
    }
    while (begun.length > 0) yield* first(begun);
  } finally {
    for (const [, result] of begun) result.then(drop, () => undefined);
  }
}

async function* first<Item, Result>(begun: (readonly [Item, Promise<Result>])[]): AsyncGenerator<readonly [Item, Result], void, undefined> {
  for (const [item, result] of begun.splice(0, 1)) yield [item, await result];
}
