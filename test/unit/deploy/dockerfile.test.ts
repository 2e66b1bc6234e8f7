import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../../store/package-root.js';

const read = (name: string): string => readFileSync(join(packageRoot(), name), 'utf8');
const lines = read('deploy/Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const arguments_ = (instruction: string): string[][] =>
  lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.split(/\s+/).slice(1));
const fromContext = arguments_('COPY').filter(([first]) => first?.startsWith('--from=') === false);

it('is built of what there is, and of nothing that .dockerignore keeps out', () => {
  const [all, ...letIn] = read('.dockerignore').trim().split('\n');
  expect(all).toBe('*');
  for (const source of fromContext.flatMap((words) => words.slice(0, -1))) {
    expect(existsSync(join(packageRoot(), source)), source).toBe(true);
    expect(letIn).toContain(`!${source}`);
  }
});

it('has every folder that is compiled', () => {
  const { include } = z.object({ include: z.array(z.string()) }).parse(JSON.parse(read('tsconfig.build.json')));
  expect(fromContext.flatMap((words) => words.slice(0, -1))).toEqual(expect.arrayContaining(include));
});

it('starts from an exact version, without the tools of the build, as a user who is nobody, and says whether it lives', () => {
  expect(arguments_('ARG')).toEqual([[expect.stringMatching(/^NODE_IMAGE=node:\d+\.\d+\.\d+-/)]]);
  expect(new Set(arguments_('FROM').map(([image]) => image))).toEqual(new Set(['$' + '{NODE_IMAGE}']));
  expect(lines.findLast((line) => line.startsWith('RUN ') && line.includes('npm'))).toContain('npm prune --omit=dev');
  expect(arguments_('USER')).toEqual([['1000:1000']]);
  expect(arguments_('HEALTHCHECK')).toHaveLength(1);
});
