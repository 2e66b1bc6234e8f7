import { readFileSync, writeFileSync } from 'node:fs';
import { type Case, deleted, directory, file } from './case.js';
import { corpus, type Group } from './group.js';
import { folderGone, imageTime, stage } from './stage.js';

const parameters = '/sys/module/overlay/parameters';

/** What new overlay mounts get from the kernel's own defaults, for both runtimes. */
function kernel(during: 'pod' | 'run'): NonNullable<Group['kernel']> {
  const before = new Map<string, string>();
  return {
    during,
    set: () => {
      for (const name of ['metacopy', 'redirect_dir']) {
        before.set(name, readFileSync(`${parameters}/${name}`, 'utf8'));
        writeFileSync(`${parameters}/${name}`, 'Y');
      }
    },
    reset: () => {
      for (const [name, value] of before) writeFileSync(`${parameters}/${name}`, value);
    },
  };
}

const cases = (
  [
    {
      name: 'mode only: the content is the image’s, not zeros',
      plant: 'chmod 600 big',
      rows: [file('changed', 'big', stage.big, { mode: '0600', modeBefore: '0644', metadataOnly: true, mtime: imageTime })],
    },
    { name: 'setuid gained', plant: 'chmod 4755 program', rows: [file('changed', 'program', stage.program, { mode: '4755', metadataOnly: true })] },
    { name: 'written after that', plant: 'chmod 600 file; echo x >> file', rows: [file('changed', 'file', `${stage.file}x\n`, { mode: '0600' })] },
    {
      name: 'rename of a file of the image',
      plant: 'mv program moved',
      rows: [deleted('program', 'file'), file('added', 'moved', stage.program, { mode: '0755' })],
    },
    {
      name: 'rename of a directory of the image: all that it held is gone there and new here',
      plant: 'mv folder moved',
      rows: ({ dir }) => [
        deleted('folder', 'directory'),
        ...folderGone,
        directory('added', 'moved', { renamedFrom: `${dir}/folder` }),
        directory('added', 'moved/sub'),
        file('added', 'moved/one', stage['folder/one']),
        file('added', 'moved/two', stage['folder/two']),
        file('added', 'moved/sub/deep', stage['folder/sub/deep']),
      ],
    },
    {
      name: 'rename of a directory of the image, and changes in it',
      plant: 'mv folder moved; echo x >> moved/one; rm moved/two; echo new > moved/new',
      rows: [
        deleted('folder', 'directory'),
        ...folderGone,
        directory('added', 'moved'),
        directory('added', 'moved/sub'),
        file('added', 'moved/one', `${stage['folder/one']}x\n`),
        file('added', 'moved/new', 'new\n'),
        file('added', 'moved/sub/deep', stage['folder/sub/deep']),
      ],
    },
    {
      name: 'two renames, one in the other',
      plant: 'mv folder/sub folder/under; mv folder moved',
      rows: [
        deleted('folder', 'directory'),
        ...folderGone,
        directory('added', 'moved'),
        directory('added', 'moved/under'),
        file('added', 'moved/one', stage['folder/one']),
        file('added', 'moved/two', stage['folder/two']),
        file('added', 'moved/under/deep', stage['folder/sub/deep']),
      ],
    },
    {
      name: 'two directories of the image change places',
      plant: 'mv folder x; mv remade folder; mv x remade',
      rows: ({ dir }) => [
        directory('changed', 'folder', { renamedFrom: `${dir}/remade` }),
        directory('changed', 'remade', { renamedFrom: `${dir}/folder` }),
        ...folderGone,
        deleted('remade/new', 'file'),
        directory('added', 'remade/sub'),
        file('added', 'remade/one', stage['folder/one']),
        file('added', 'remade/two', stage['folder/two']),
        file('added', 'remade/sub/deep', stage['folder/sub/deep']),
        file('added', 'folder/new', 'lower remade/new\n'),
      ],
    },
    {
      name: 'forged user.overlay.metacopy and redirect',
      plant: 'hostile xattr file user.overlay.metacopy 00; mkdir new; hostile xattr new user.overlay.redirect 2f657463',
      rows: [file('changed', 'file', stage.file), directory('added', 'new')],
    },
  ] satisfies Omit<Case, 'stage'>[]
).map((each): Case => ({ stage: true, ...each }));

// While the kernel's default is on, the mount does not show it; when it was on only as the pod was made, the mount does.
corpus({ name: 'metacopy by default', kernel: kernel('run'), cases });
corpus({ name: 'metacopy by mount', kernel: kernel('pod'), cases });
