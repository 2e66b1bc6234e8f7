import { readdirSync, readFileSync } from 'node:fs';
import { parseRule, type Rule } from '../../../playbooks/rule.js';

const folder = new URL('../../../playbooks/rules/', import.meta.url);

/** The rules that the project brings. */
export function loadRules(): Rule[] {
  return readdirSync(folder)
    .sort()
    .map((file) => parseRule(file, readFileSync(new URL(file, folder), 'utf8')));
}
