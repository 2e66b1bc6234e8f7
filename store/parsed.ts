import { z } from 'zod';
import { TriageError } from '../playbooks/domain/error.js';

/** Schemas by what they hold: to make one takes longer than to parse a record with it. */
const made = new WeakMap<z.ZodType, z.ZodType>();

/** A schema for JSON text that holds `inner`. */
export function jsonOf<T extends z.ZodType>(inner: T): z.ZodPreprocess<T> {
  const known = made.get(inner) as z.ZodPreprocess<T> | undefined;
  if (known !== undefined) return known;
  const schema = z.preprocess((text, context) => {
    try {
      return JSON.parse(String(text)) as unknown;
    } catch {
      context.addIssue('is not JSON');
      return z.NEVER;
    }
  }, inner);
  made.set(inner, schema);
  return schema;
}

/**
 * Parses what comes back from Redis.
 * @param what names the record in the message
 * @throws TriageError `internal`
 */
export function parsed<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TriageError('internal', `${what} in Redis is malformed: ${z.prettifyError(result.error)}`);
}
