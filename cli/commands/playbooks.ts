import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { Permission } from '../../playbooks/permission.js';
import { type Playbook, permissionsOf } from '../../playbooks/playbook.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { type PermissionPart, permissionsText, rbacText, sudoersText } from '../ui/permission-text.js';

/** `podtriage playbooks`. */
export async function listPlaybooks(io: Io, client: ApiClient): Promise<number> {
  for (const { name, title, summary, steps } of await client.playbooks())
    io.out(`${displayText(name)}: ${displayText(title)}\n  ${displayText(summary)}\n  ${steps.map(displayText).join(' > ')}\n`);
  return exitCodes.ok;
}

/** `podtriage playbooks NAME`: its steps, with their parameters and what each needs. */
export async function showPlaybook(io: Io, client: ApiClient, name: string): Promise<number> {
  const playbook = await client.playbook(name);
  io.out(`${displayText(playbook.name)}: ${displayText(playbook.title)}\n  ${displayText(playbook.summary)}\n`);
  for (const step of playbook.steps) {
    const params = Object.entries(step.params).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    io.out(`\n${displayText(`${step.name}${params.join('')}`)}\n  ${displayText(step.summary)}\n`);
    if (step.permissions.length > 0) io.out(`  needs: ${displayText(step.permissions.map(inWords).join(', '))}\n`);
  }
  return exitCodes.ok;
}

/**
 * `podtriage playbooks NAME --permissions`, from the playbooks that come with this program: a service cannot run before it has them.
 * Throws `playbook-unknown`, and `config-invalid` when PODTRIAGE_SSH_USER is no name that sudoers(5) takes as it stands.
 */
export function printPermissions(io: Io, playbooks: ReadonlyMap<string, Playbook>, name: string, only: PermissionPart | undefined): number {
  const playbook = playbooks.get(name);
  if (playbook === undefined) throw new TriageError('playbook-unknown', `there is no playbook "${name}"; known: ${[...playbooks.keys()].join(', ')}`);
  const permissions = permissionsOf(playbook);
  const user = nodeUser(io);
  if (only === 'rbac') io.out(rbacText(name, permissions));
  else if (only === 'sudoers') io.out(sudoersText(name, permissions, user));
  else io.out(permissionsText(name, permissions, user));
  return exitCodes.ok;
}

function nodeUser(io: Io): string {
  const given = io.env['PODTRIAGE_SSH_USER'] ?? '';
  const user = given === '' ? 'podtriage' : given;
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user;
  throw new TriageError('config-invalid', `PODTRIAGE_SSH_USER: "${user}" is no plain user name, and cannot stand in a sudoers file`);
}

function inWords(permission: Permission): string {
  switch (permission.kind) {
    case 'cluster':
      return `${permission.verb} ${permission.resource}`;
    case 'node':
      return `sudo ${permission.program} on the node`;
    case 'intel':
      return `${permission.method} ${permission.path} of ${permission.source}`;
    case 'setting':
      return `${permission.variable}=${permission.value}`;
  }
}
