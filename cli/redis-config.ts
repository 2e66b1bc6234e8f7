import { readFile } from 'node:fs/promises';
import { TriageError } from '../playbooks/domain/error.js';

/**
 * The address of Redis with the password that a file holds, so that it need not be in the environment, where every program that is started
 * from here would have it.
 * @param file private, and checked to be; its last line break is no part of the password
 * @throws TriageError `config-invalid` where there is no address that a password belongs to, or where it has one
 */
export async function withPassword(url: string | undefined, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return url;
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.password !== '')
    throw new TriageError('config-invalid', 'PODTRIAGE_REDIS_PASSWORD_FILE belongs to a REDIS_URL of the form redis://host:port without a password');
  const password = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  if (password === '') throw new TriageError('config-invalid', `PODTRIAGE_REDIS_PASSWORD_FILE: ${file} is empty`);
  parsed.password = encodeURIComponent(password);
  return parsed.href;
}
