import { type Case, directory, other, taken } from './case.js';
import { corpus } from './group.js';

function manyFiles(count: number): Case {
  const name = (number: number) => `f${String(number).padStart(6, '0')}`;
  return {
    name: `${count} files in one directory`,
    plant: `hostile many ${count} f`,
    rows: () =>
      // What is over the run's cap on files is named as long as there are not too many of them, and counted after that.
      Array.from({ length: count }, (_, number) =>
        other('added', 'file', name(number), '0644', { size: 7, content: [taken(name(number)), 'limit:files', 'lost'] }),
      ),
  };
}

const depth = 500;

const cases: readonly Case[] = [
  manyFiles(100_000),
  manyFiles(20_000),
  {
    name: `${depth} directories, one in the other`,
    plant: `hostile deep ${depth} 2`,
    rows: [
      ...Array.from({ length: depth }, (_, level) =>
        directory(
          'added',
          Array(level + 1)
            .fill('dd')
            .join('/'),
        ),
      ),
      other('added', 'file', `${Array(depth).fill('dd').join('/')}/leaf`, '0644', { size: 5, content: [taken('leaf\n'), 'limit:files', 'lost'] }),
    ],
  },
];

// More than fits: what is left out is said.
corpus({ name: 'scale', cases, options: { limits: { changes: 1_000_000, files: 500 } }, withinMs: 120_000 });
