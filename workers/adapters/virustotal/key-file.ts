import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { GivenLimits } from '../../../playbooks/domain/quota.js';

/** One key and what the installation allows it alone. */
export interface ApiKey {
  readonly key: string;
  readonly limits: GivenLimits;
}

const count = z
  .string()
  .regex(/^[1-9][0-9]{0,11}$/)
  .transform(Number);
const lineSchema = z.union([
  z.tuple([z.string().regex(/^[\x21-\x7e]{1,200}$/)]).transform(([key]): ApiKey => ({ key, limits: {} })),
  z
    .tuple([z.string().regex(/^[\x21-\x7e]{1,200}$/), count, count, count])
    .transform(([key, perMinute, perDay, perMonth]): ApiKey => ({ key, limits: { perMinute, perDay, perMonth } })),
]);

/**
 * Reads a file of VirusTotal keys: one a line, `KEY` or `KEY perMinute perDay perMonth`; empty lines and those that begin with `#` are skipped.
 * @throws TriageError `config-invalid` that names file and line, and shows nothing of the file
 */
export function parseKeyFile(text: string, file: string): readonly ApiKey[] {
  const keys = new Map<string, ApiKey>();
  text.split('\n').forEach((raw, at) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const parsed = lineSchema.safeParse(line.split(/\s+/));
    const where = `PODTRIAGE_VT_KEY_FILE: line ${at + 1} of ${file}`;
    if (!parsed.success) throw new TriageError('config-invalid', `${where} is neither KEY nor KEY perMinute perDay perMonth (whole numbers from 1)`);
    if (keys.has(parsed.data.key)) throw new TriageError('config-invalid', `${where} has a key that an earlier line has`);
    keys.set(parsed.data.key, parsed.data);
  });
  if (keys.size === 0) throw new TriageError('config-invalid', `PODTRIAGE_VT_KEY_FILE: there is no key in ${file}`);
  return [...keys.values()];
}
