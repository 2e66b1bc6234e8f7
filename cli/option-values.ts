import { InvalidArgumentError } from 'commander';

/** Parses a whole number from 1 to `most`. */
export function whole(most: number, what = 'a number'): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > most) throw new InvalidArgumentError(`must be ${what} from 1 to ${most}`);
    return value;
  };
}

/** Gathers an option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
