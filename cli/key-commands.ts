import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Place, placeSchema, type Scope, scopes } from '../playbooks/domain/access.js';
import { type KeyRole, keyRoles } from '../store/signing-key.js';
import type { ApiClient } from './client.js';
import { type CreateOptions, createKey, listKeys, type RotateOptions, revokeKey, rotateKey } from './commands/keys.js';
import { type KeysOfMachine, listSigningKeys, rotateSigningKey } from './commands/signing-keys.js';
import { dataFolder, readKeyPlaces } from './config.js';
import type { Io } from './io.js';

type Done = (code: number) => void;

/** `podtriage keys`: API keys, at the service. */
export function addKeys(program: Command, io: Io, connect: () => Promise<ApiClient>, done: Done): void {
  const keys = program
    .command('keys')
    .description('list the API keys of the service, and make, rotate and revoke them; needs a key with the scope admin')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => done(await listKeys(io, await connect(), json)));
  keys
    .command('create')
    .description('make a key; prints it, this once')
    .requiredOption('--name <text>', 'to know it by')
    .addOption(new Option('--scope <scope>', 'what it may do; may be given several times').makeOptionMandatory().argParser(scopeOf))
    .option(
      '--namespace <cluster/namespace>',
      'where it may look and act, * for all of a cluster; may be given several times (default: everywhere)',
      placeOf,
    )
    .option('--expires <time>', 'when it ends: 90d, 12h (default: never)', spanOf)
    .action(async (options: CreateOptions) => done(await createKey(io, await connect(), options)));
  keys
    .command('rotate')
    .description('give a key a new secret; prints it, this once')
    .argument('<id>')
    .option('--grace <time>', 'how long the old secret counts yet: 24h (the default), at most 30d, or 0h', spanOf)
    .option('--expires <time>', 'a new end of the key: 90d, 12h', spanOf)
    .action(async (id: string, options: RotateOptions) => done(await rotateKey(io, await connect(), id, options)));
  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<id>')
    .action(async (id: string) => done(await revokeKey(io, await connect(), id)));
}

/** `podtriage signing-keys`: the keys of custody, on this machine. */
export function addSigningKeys(program: Command, io: Io, done: Done): void {
  const mine = (): KeysOfMachine => ({ folder: dataFolder(io.env).signingKeys, places: readKeyPlaces(io.env) });
  const keys = program
    .command('signing-keys')
    .description('list the keys that sign custody: those of this machine and those that it believes')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => done(await listSigningKeys(io, mine(), json)));
  keys
    .command('rotate')
    .description('make a new signing key for a role; what the old one has signed can still be checked. Restart the service after it')
    .addOption(new Option('--role <role>', 'whose').choices(keyRoles).makeOptionMandatory())
    .action(async ({ role }: { role: KeyRole }) => done(await rotateSigningKey(io, mine(), role)));
}

function scopeOf(text: string, before: readonly Scope[] = []): readonly Scope[] {
  const scope = scopes.find((each) => each === text);
  if (scope === undefined) throw new InvalidArgumentError(`must be one of ${scopes.join(', ')}`);
  return before.includes(scope) ? before : [...before, scope];
}

function placeOf(text: string, before: readonly Place[] = []): readonly Place[] {
  const [cluster, namespace, ...rest] = text.split('/');
  const place = placeSchema.safeParse({ cluster, namespace });
  if (!place.success || rest.length > 0) throw new InvalidArgumentError('must be cluster/namespace or cluster/*, such as default/shop');
  return [...before, place.data];
}

const units: Readonly<Record<string, number>> = { d: 24 * 3_600, h: 3_600 };

/** Seconds. */
function spanOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  const seconds = units[unit];
  if (seconds === undefined) throw new InvalidArgumentError('must be a number of days or hours, such as 90d or 12h');
  return Number(count) * seconds;
}
