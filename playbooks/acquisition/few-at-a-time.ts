/** How many layers are asked at the same time: a node feels each as a session. */
const width = 3;

/** Maps in order, a few at a time. */
export async function fewAtATime<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += width) results.push(...(await Promise.all(items.slice(at, at + width).map(map))));
  return results;
}
