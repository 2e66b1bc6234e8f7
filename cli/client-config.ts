import { readFile } from 'node:fs/promises';
import { TriageError } from '../playbooks/domain/error.js';
import { checkSecretFile, dataFolder } from './config.js';

/** Where the API is and how to get in. */
export interface ClientConfig {
  readonly url: string;
  readonly key: string;
  /** The evidence folder, when the service runs on this machine with the same data folder. */
  readonly localEvidence: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads PODTRIAGE_URL, PODTRIAGE_API_KEY and PODTRIAGE_API_KEY_FILE; without them, looks for a local service. Throws `config-invalid`. */
export async function readClientConfig(env: Env): Promise<ClientConfig> {
  const url = set(env['PODTRIAGE_URL']);
  if (url !== undefined && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw new TriageError('config-invalid', 'PODTRIAGE_URL must be http://host:port or https://...');
  const key = set(env['PODTRIAGE_API_KEY']);
  return {
    url: (url ?? localUrl(env)).replace(/\/+$/, ''),
    key: key ?? (await readKey(env)),
    localEvidence: url === undefined && set(env['PODTRIAGE_EVIDENCE']) === undefined ? dataFolder(env).evidence : undefined,
  };
}

function localUrl(env: Env): string {
  const host = set(env['PODTRIAGE_HOST']) ?? '127.0.0.1';
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${set(env['PODTRIAGE_PORT']) ?? '7467'}`;
}

async function readKey(env: Env): Promise<string> {
  const given = set(env['PODTRIAGE_API_KEY_FILE']);
  await checkSecretFile(given, 'PODTRIAGE_API_KEY_FILE');
  const file = given ?? dataFolder(env).apiKeyFile;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    const hint = 'is `podtriage serve` running with the same PODTRIAGE_DATA? For a service elsewhere set PODTRIAGE_URL and PODTRIAGE_API_KEY_FILE';
    throw new TriageError('config-invalid', `cannot read the API key ${file}: ${hint}`, { cause });
  }
}

function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
