import { asTriageError } from '../playbooks/domain/error.js';
import type { Intakes } from '../playbooks/triggers/config.js';
import { openEndpoints } from '../workers/adapters/delivery/open-endpoints.js';
import { loadKnowledge } from '../workers/context.js';
import type { DoctorFinding } from './commands/doctor.js';
import type { ServiceConfig } from './config.js';
import { checkSecretsOf, readEndpoints } from './endpoints-config.js';
import { type ReadSlack, readIntakes, readSlack } from './intakes-config.js';

type Files = Pick<ServiceConfig, 'intakes' | 'endpoints' | 'cluster' | 'publicUrl'>;

/**
 * Reads the file of the intakes and its secrets as the API does. What is wrong is thrown: the service would not start with it. What is not there
 * is a warning, as it need not be where workers are.
 */
export async function checkIntakes(config: Files): Promise<DoctorFinding> {
  const { endpoints } = await readEndpoints(config);
  const { playbooks } = await loadKnowledge();
  const known = { playbooks: new Set(playbooks.keys()), endpoints: new Set(endpoints.map(({ name }) => name)) };
  try {
    const intakes = await readIntakes(config, known);
    if (intakes === undefined) return { ok: true, found: 'none (PODTRIAGE_INTAKES)' };
    return intakesFinding(intakes.config, await readSlack(config, intakes.config, { playbooks, endpoints }));
  } catch (error) {
    return warning([missing(error)], 'only the API reads it');
  }
}

function intakesFinding({ rules, generic }: Intakes, slack: ReadSlack | undefined): DoctorFinding {
  const parts = [
    `rules: ${named(rules)}`,
    ...(generic.length === 0 ? [] : [`generic sources: ${named(generic)}`]),
    ...(slack === undefined ? [] : ['commands of Slack']),
  ];
  return { ok: true, found: parts.join('; ') };
}

/**
 * Reads the file of the endpoints and its secrets as workers do. Nothing is sent. What is wrong is thrown, and so is a file that is not there: the API
 * reads it, too. A secret that is not there is a warning, as it need not be where the API is.
 */
export async function checkEndpoints(config: Files): Promise<DoctorFinding> {
  const { allow, endpoints } = await readEndpoints(config);
  if (config.endpoints.file === undefined) return { ok: true, found: 'none (PODTRIAGE_ENDPOINTS)' };
  const gone: string[] = [];
  for (const endpoint of endpoints) {
    try {
      await checkSecretsOf(endpoint);
      await openEndpoints({ allow, endpoints: [endpoint] }, config.publicUrl);
    } catch (error) {
      gone.push(missing(error));
    }
  }
  return gone.length === 0 ? { ok: true, found: named(endpoints) } : warning(gone, 'only workers read it');
}

/** What an error says of a file that is not there; throws every other one. */
function missing(error: unknown): string {
  const { cause } = asTriageError(error);
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return asTriageError(error).message;
  throw error;
}

function warning(found: readonly string[], who: string): DoctorFinding {
  return { ok: 'warn', found: `not here: ${found.join('; ')}`, todo: `${who}: where it is read, put it there` };
}

function named(all: readonly { readonly name: string }[]): string {
  return all.length === 0 ? 'none' : all.map(({ name }) => name).join(', ');
}
