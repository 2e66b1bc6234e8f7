import { z } from 'zod';
import type { Place, Scope } from '../../playbooks/domain/access.js';
import { reachSchema, scopes } from '../../playbooks/domain/access.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson } from '../io.js';
import { table } from '../ui/table.js';

/** As much of a key as the command shows. */
const keySchema = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  reach: reachSchema,
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
  expiresAt: z.iso.datetime().optional(),
  rotated: z.object({ oldUntil: z.iso.datetime() }).optional(),
  lastUsedAt: z.iso.datetime().optional(),
});
const listSchema = z.object({ keys: z.array(keySchema) });
const givenSchema = keySchema.extend({ secret: z.string().regex(/^pt_[\w-]+$/) });
type Key = z.output<typeof keySchema>;

/** A key that is to be made; times in seconds from now. */
export interface CreateOptions {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly namespace?: readonly Place[];
  readonly expires?: number;
}

/** How a key gets a new secret; times in seconds. */
export interface RotateOptions {
  readonly grace?: number;
  readonly expires?: number;
}

const keysPath = '/api/v1/keys';

/** `podtriage keys`: the API keys of the service. */
export async function listKeys(io: Io, client: ApiClient, json: boolean): Promise<number> {
  const { keys } = await client.ask(listSchema, 'GET', keysPath);
  if (json) io.out(`${safeJson(keys)}\n`);
  else io.out(table([['ID', 'NAME', 'SCOPES', 'REACH', 'CREATED', 'EXPIRES', 'LAST USED'], ...keys.map(row)]));
  return exitCodes.ok;
}

/** `podtriage keys create`: its secret alone goes to stdout, so that it can go into a file. */
export async function createKey(io: Io, client: ApiClient, { name, scope, namespace, expires }: CreateOptions): Promise<number> {
  const wish = { name, scopes: scope, ...(namespace === undefined ? {} : { reach: namespace }), ...endOf(expires) };
  const made = await client.ask(givenSchema, 'POST', keysPath, wish);
  io.out(`${made.secret}\n`);
  io.err(`${keyText(made)}\nkeep the line above: it cannot be shown again\n`);
  return exitCodes.ok;
}

/** `podtriage keys rotate`. Throws `not-found`. */
export async function rotateKey(io: Io, client: ApiClient, id: string, { grace, expires }: RotateOptions): Promise<number> {
  const how = { ...(grace === undefined ? {} : { graceSeconds: grace }), ...endOf(expires) };
  const made = await client.ask(givenSchema, 'POST', `${keysPath}/${encodeURIComponent(id)}/rotate`, how);
  io.out(`${made.secret}\n`);
  io.err(`${keyText(made)}\nthe old secret counts until ${made.rotated?.oldUntil ?? 'now'}; keep the line above: it cannot be shown again\n`);
  return exitCodes.ok;
}

/** `podtriage keys revoke`. Throws `not-found`. */
export async function revokeKey(io: Io, client: ApiClient, id: string): Promise<number> {
  await client.ask(z.unknown(), 'DELETE', `${keysPath}/${encodeURIComponent(id)}`);
  io.err(`key ${displayText(id)} opens nothing any more\n`);
  return exitCodes.ok;
}

function row(key: Key): string[] {
  return [
    key.id,
    key.name,
    key.scopes.join(','),
    reachText(key),
    key.createdAt,
    key.expiresAt === undefined ? 'never' : `${key.expiresAt}${Date.parse(key.expiresAt) <= Date.now() ? ' (over)' : ''}`,
    key.lastUsedAt ?? '-',
  ].map(displayText);
}

function keyText(key: Key): string {
  const end = key.expiresAt === undefined ? 'does not expire' : `expires at ${key.expiresAt}`;
  return displayText(`key ${key.id} (${key.name}): ${key.scopes.join(', ')}; reaches ${reachText(key)}; ${end}`);
}

function reachText({ reach }: Key): string {
  return reach === 'all' ? 'all' : reach.map(({ cluster, namespace }) => `${cluster}/${namespace}`).join(',');
}

function endOf(seconds: number | undefined): { expiresAt?: string } {
  return seconds === undefined ? {} : { expiresAt: new Date(Date.now() + seconds * 1_000).toISOString() };
}
