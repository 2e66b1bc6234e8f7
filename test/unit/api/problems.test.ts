import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contractFile } from '../../../api/contract.js';
import { problemOf, statuses } from '../../../api/error.js';
import { errorCodes, TriageError } from '../../../playbooks/domain/error.js';
import { packageRoot } from '../../../store/package-root.js';

const told: Readonly<Record<string, number>> = { ...statuses, internal: 500 };
const contract = parse(readFileSync(contractFile(), 'utf8')) as { components: { schemas: { ProblemCode: { enum: string[] } } } };

describe('the codes of problems', () => {
  it('are in the contract, all that the API can tell and no others', () => {
    expect([...contract.components.schemas.ProblemCode.enum].sort()).toEqual(Object.keys(told).sort());
  });

  it('are explained, each with its status', () => {
    const page = readFileSync(join(packageRoot(), 'docs/problems.md'), 'utf8');
    const headings = Array.from(page.matchAll(/^## ([a-z-]+) \((\d+)\)$/gm), ([, code, status]) => [code, Number(status)]);
    expect(Object.fromEntries(headings)).toEqual(told);
    expect(headings).toHaveLength(Object.keys(told).length);
  });

  it('are all that any error becomes', () => {
    for (const code of errorCodes) {
      const problem = problemOf(new TriageError(code, 'text'), 'id');
      expect([code, told[problem.code]]).toEqual([code, problem.status]);
      expect(problem.type).toBe(`urn:podtriage:problem:${problem.code}`);
    }
  });
});
