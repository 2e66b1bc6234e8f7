/** The same value, which nobody can change any more, all that is in it included. For what came out of JSON: nothing in it leads back to itself. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}
