import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TriageError } from '../playbooks/domain/error.js';
import { type Playbook, parsePlaybook } from '../playbooks/playbook.js';
import { parseRule, type Rule } from '../playbooks/rule.js';
import type { Step } from '../playbooks/step.js';

/** Reads and checks every playbook of a folder. Throws `playbook-invalid` naming file, step and field. */
export async function loadPlaybooks(folder: string, catalog: readonly Step[]): Promise<ReadonlyMap<string, Playbook>> {
  const playbooks = new Map<string, Playbook>();
  for (const [file, text] of await yamlFiles(folder)) {
    const playbook = parsePlaybook(file, text, catalog);
    if (playbooks.has(playbook.name)) throw new TriageError('playbook-invalid', `${file}: name: there is another playbook "${playbook.name}"`);
    playbooks.set(playbook.name, playbook);
  }
  return playbooks;
}

/** Reads and checks every rule of a folder. Throws `playbook-invalid` naming file and field. */
export async function loadRules(folder: string): Promise<readonly Rule[]> {
  return (await yamlFiles(folder)).map(([file, text]) => parseRule(file, text));
}

async function yamlFiles(folder: string): Promise<[string, string][]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
    return await Promise.all(names.map(async (name): Promise<[string, string]> => [name, await readFile(join(folder, name), 'utf8')]));
  } catch (cause) {
    throw new TriageError('config-invalid', `cannot read the YAML files of ${folder}`, { cause });
  }
}
