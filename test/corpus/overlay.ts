import { type Case, deleted, directory, file, other, symlink } from './case.js';
import { folderGone, imageTime, stage } from './stage.js';

const forged = (mark: string) => `user.overlay.${mark}`;

/** What overlayfs makes of changes to the image's own files. Each works on a stage. */
export const overlay: readonly Case[] = (
  [
    { name: 'nothing done', plant: 'cat file', rows: [] },
    { name: 'a file read is no change', plant: 'cat big program >/dev/null; ls -R >/dev/null', rows: [] },
    { name: 'made and deleted again', plant: 'echo x > new; mkdir dir; rm new; rmdir dir', rows: [] },
    {
      name: 'file edited',
      plant: 'echo more >> file',
      rows: [file('changed', 'file', `${stage.file}more\n`, { modeBefore: '0644', typeBefore: null })],
    },
    {
      name: 'edited with the same size and the time set back to the image’s',
      plant: "printf 'LOWER file\\n' > file; touch -d '2026-01-01 00:00:00' file",
      rows: [file('changed', 'file', 'LOWER file\n', { mtime: imageTime })],
    },
    { name: 'emptied', plant: ': > file', rows: [file('changed', 'file', '')] },
    {
      name: 'mode only',
      plant: 'chmod 600 big',
      rows: [file('changed', 'big', stage.big, { mode: '0600', modeBefore: '0644', mtime: imageTime })],
    },
    { name: 'owner only', plant: 'chown 1000:2000 file', rows: [file('changed', 'file', stage.file, { owner: '1000:2000' })] },
    { name: 'time only', plant: 'touch -d @1 file', rows: [file('changed', 'file', stage.file, { mtime: '1970-01-01T00:00:01.000Z' })] },
    { name: 'setuid gained', plant: 'chmod 4755 program', rows: [file('changed', 'program', stage.program, { mode: '4755', modeBefore: '0755' })] },
    { name: 'setuid lost', plant: 'chmod 755 suid', rows: [file('changed', 'suid', stage.suid, { mode: '0755', modeBefore: '4755' })] },
    {
      name: 'setuid lost by writing is set again',
      plant: 'echo x >> suid; chmod 4755 suid',
      rows: [file('changed', 'suid', `${stage.suid}x\n`, { mode: '4755', modeBefore: '4755' })],
    },
    {
      name: 'a file of two layers is compared with the upper one',
      plant: 'echo x >> over',
      rows: [file('changed', 'over', `${stage.over}x\n`, { mode: '0600', modeBefore: '0600' })],
    },
    { name: 'what the image itself deleted is new', plant: 'echo x > gone', rows: [file('added', 'gone', 'x\n')] },
    {
      name: 'what the image itself hides behind an opaque directory is new',
      plant: 'echo x > remade/old',
      rows: [file('added', 'remade/old', 'x\n')],
    },
    { name: 'an opaque directory of the image, made again', plant: 'rm -r remade; mkdir remade', rows: [deleted('remade/new', 'file')] },
    { name: 'deleted file', plant: 'rm file', rows: [deleted('file', 'file')] },
    {
      name: 'deleted symlink, FIFO and empty directory',
      plant: 'rm link fifo; rmdir empty',
      rows: [deleted('link', 'symlink'), deleted('fifo', 'fifo'), deleted('empty', 'directory')],
    },
    { name: 'deleted directory: all that it held is deleted', plant: 'rm -r folder', rows: [deleted('folder', 'directory'), ...folderGone] },
    {
      name: 'deleted below a directory that stays',
      plant: 'rm folder/sub/deep folder/one',
      rows: [deleted('folder/sub/deep', 'file'), deleted('folder/one', 'file')],
    },
    { name: 'deleted and made again', plant: "rm file; printf 'lower file\\n' > file", rows: [file('changed', 'file', stage.file)] },
    { name: 'directory deleted and made again: opaque', plant: 'rm -r folder; mkdir folder', rows: [...folderGone] },
    {
      name: 'opaque directory with a file of a hidden name',
      plant: 'rm -r folder; mkdir folder; echo x > folder/one',
      rows: [file('changed', 'folder/one', 'x\n'), ...folderGone.filter(({ path }) => path !== 'folder/one')],
    },
    {
      name: 'opaque directory whose file was deleted again',
      plant: 'rm -r folder; mkdir folder; echo x > folder/one; rm folder/one',
      rows: [...folderGone],
    },
    {
      name: 'opaque directory with other rights',
      plant: 'rm -r folder; mkdir -m 700 folder',
      rows: [directory('changed', 'folder', { mode: '0700', modeBefore: '0755' }), ...folderGone],
    },
    {
      name: 'file to directory',
      plant: 'rm file; mkdir file; echo x > file/inner',
      rows: [directory('changed', 'file', { typeBefore: 'file' }), file('added', 'file/inner', 'x\n')],
    },
    {
      name: 'file to directory and back',
      plant: 'rm file; mkdir file; echo x > file/inner; rm -r file; echo y > file',
      rows: [file('changed', 'file', 'y\n', { typeBefore: null })],
    },
    {
      name: 'directory to file',
      plant: 'rm -r folder; echo x > folder',
      rows: [file('changed', 'folder', 'x\n', { typeBefore: 'directory' }), ...folderGone],
    },
    { name: 'directory to file and back', plant: 'rm -r folder; echo x > folder; rm folder; mkdir folder', rows: [...folderGone] },
    {
      name: 'directory to symlink',
      plant: 'rm -r folder; ln -s /etc folder',
      rows: [symlink('changed', 'folder', '/etc', { typeBefore: 'directory' }), ...folderGone],
    },
    { name: 'file to symlink', plant: 'ln -sf /etc/shadow file', rows: [symlink('changed', 'file', '/etc/shadow', { typeBefore: 'file' })] },
    { name: 'file to FIFO', plant: 'rm file; mkfifo file', rows: [other('changed', 'fifo', 'file', '0644', { typeBefore: 'file' })] },
    { name: 'FIFO to file', plant: 'rm fifo; echo x > fifo', rows: [file('changed', 'fifo', 'x\n', { typeBefore: 'fifo' })] },
    { name: 'symlink turned elsewhere', plant: 'ln -sfn /etc/shadow link', rows: [symlink('changed', 'link', '/etc/shadow', { typeBefore: null })] },
    {
      name: 'rename of a file of the image',
      plant: 'mv program moved',
      rows: [deleted('program', 'file'), file('added', 'moved', stage.program, { mode: '0755', mtime: imageTime })],
    },
    {
      name: 'rename of a directory of the image',
      plant: 'mv folder moved',
      rows: [
        deleted('folder', 'directory'),
        ...folderGone,
        directory('added', 'moved'),
        directory('added', 'moved/sub'),
        file('added', 'moved/one', stage['folder/one']),
        file('added', 'moved/two', stage['folder/two']),
        file('added', 'moved/sub/deep', stage['folder/sub/deep']),
      ],
    },
    {
      name: 'two files of the image change places',
      plant: 'mv file x; mv over file; mv x over',
      rows: [file('changed', 'file', stage.over, { mode: '0600' }), file('changed', 'over', stage.file, { modeBefore: '0600' })],
    },
    { name: 'write to one of two hard links of the image', plant: 'echo x >> hard-a', rows: [file('changed', 'hard-a', `${stage['hard-a']}x\n`)] },
    { name: 'delete of one of two hard links of the image', plant: 'rm hard-a', rows: [deleted('hard-a', 'file')] },
    {
      name: 'hard link to a file of the image',
      plant: 'ln file linked; echo x >> linked',
      rows: [file('changed', 'file', `${stage.file}x\n`, { links: 2 }), file('added', 'linked', `${stage.file}x\n`, { links: 2 })],
    },
    {
      name: 'forged user.overlay.opaque',
      plant: `hostile xattr folder ${forged('opaque')} 79; mkdir new; hostile xattr new ${forged('opaque')} 79`,
      rows: [directory('added', 'new')],
    },
    {
      name: 'forged user.overlay.whiteout',
      plant: `: > file; hostile xattr file ${forged('whiteout')} 79; hostile xattr . ${forged('opaque')} 78`,
      rows: [file('changed', 'file', '')],
    },
    {
      name: 'forged user.overlay.redirect and metacopy',
      plant: `mkdir new; hostile xattr new ${forged('redirect')} 2f657463; hostile xattr file ${forged('metacopy')} 00`,
      rows: [directory('added', 'new'), file('changed', 'file', stage.file)],
    },
    {
      name: 'a name that looks like the mark of a deleted file of the image',
      plant: 'echo x > .wh.file; echo x > .wh..wh..opq',
      rows: [file('added', '.wh.file', 'x\n'), file('added', '.wh..wh..opq', 'x\n')],
    },
    {
      name: 'a device that looks like a whiteout, over a file of the image',
      only: 'node-a',
      plant: 'rm file; mknod -m 000 file c 1 3',
      rows: [other('changed', 'char', 'file', '0000', { typeBefore: 'file' })],
    },
    {
      name: 'capabilities lost by writing',
      plant: 'echo x >> capable',
      rows: [file('changed', 'capable', `${stage.capable}x\n`, { mode: '0755', capabilities: null, capabilitiesBefore: 'cap_net_raw=ep' })],
    },
    {
      name: 'capabilities kept',
      plant: 'chmod 711 capable',
      rows: [file('changed', 'capable', stage.capable, { mode: '0711', capabilities: 'cap_net_raw=ep' })],
    },
    {
      name: 'capabilities gained by a file of the image',
      only: 'node-a',
      plant: 'hostile xattr program security.capability 0100000200200000000000000000000000000000',
      rows: [file('changed', 'program', stage.program, { mode: '0755', capabilities: 'cap_net_raw=ep' })],
    },
  ] satisfies Omit<Case, 'stage'>[]
).map((each): Case => ({ stage: true, ...each }));
