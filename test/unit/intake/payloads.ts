import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A payload of test/fixtures/intake, as a sender sends it. */
export function payload(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/intake', `${name}.json`), 'utf8')) as Record<string, unknown>;
}
