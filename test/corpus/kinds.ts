import { type Case, directory, file, other, symlink } from './case.js';

const MiB = 1024 * 1024;

/** The run's cap on one file, in bytes. */
export const fileCap = MiB;

/** Kinds of entry that block, mislead or flood whoever opens them. */
export const kinds: readonly Case[] = [
  { name: 'FIFO', plant: 'mkfifo -m 600 pipe', rows: [other('added', 'fifo', 'pipe', '0600')] },
  { name: 'socket', plant: 'hostile socket s >/dev/null 2>&1 & sleep 0.2', rows: [other('added', 'socket', 's', '0755')] },
  { name: 'character device', only: 'node-a', plant: 'mknod zero c 1 5', rows: [other('added', 'char', 'zero', '0644')] },
  { name: 'block device', only: 'node-a', plant: 'mknod -m 600 disk b 254 0', rows: [other('added', 'block', 'disk', '0600')] },
  { name: 'device that looks like a whiteout', only: 'node-a', plant: 'mknod -m 000 null c 1 3', rows: [other('added', 'char', 'null', '0000')] },
  {
    name: 'sparse file of 10 GiB',
    plant: 'truncate -s 10G sparse',
    rows: [other('added', 'file', 'sparse', '0644', { size: 10 * 1024 * MiB, content: 'limit:file-bytes' })],
  },
  {
    name: 'the largest sparse file that ext4 can hold',
    plant: 'truncate -s 17592186040320 huge',
    rows: [other('added', 'file', 'huge', '0644', { size: 17592186040320, content: 'limit:file-bytes' })],
  },
  {
    name: 'sparse file with data at its end',
    plant: 'printf end | dd of=holes bs=1 seek=500000 2>/dev/null',
    rows: [file('added', 'holes', Buffer.concat([Buffer.alloc(500_000), Buffer.from('end')]))],
  },
  { name: 'zeros alone', plant: 'truncate -s 4096 zeros', rows: [file('added', 'zeros', Buffer.alloc(4096))] },
  { name: 'exactly at the cap', plant: `truncate -s ${fileCap} cap`, rows: [file('added', 'cap', Buffer.alloc(fileCap))] },
  {
    name: 'a byte over the cap',
    plant: `truncate -s ${fileCap + 1} over`,
    rows: [other('added', 'file', 'over', '0644', { size: fileCap + 1, content: 'limit:file-bytes' })],
  },
  { name: '0 bytes', plant: ': > empty', rows: [file('added', 'empty', '')] },
  {
    name: '511, 512 and 513 bytes',
    plant: 'for n in 511 512 513; do truncate -s $n f$n; done',
    rows: [511, 512, 513].map((n) => file('added', `f${n}`, Buffer.alloc(n))),
  },
  { name: 'setuid', plant: 'echo x > s; chmod 4755 s', rows: [file('added', 's', 'x\n', { mode: '4755' })] },
  {
    name: 'setgid of another group',
    plant: 'echo x > s; chown 1000:2000 s; chmod 2755 s',
    rows: [file('added', 's', 'x\n', { mode: '2755', owner: '1000:2000' })],
  },
  {
    name: 'sticky',
    plant: 'mkdir -m 1777 d; echo x > f; chmod 1644 f',
    rows: [directory('added', 'd', { mode: '1777' }), file('added', 'f', 'x\n', { mode: '1644' })],
  },
  {
    name: 'no rights at all',
    plant: 'echo x > f; mkdir d; echo y > d/g; chmod 0 f d',
    rows: [file('added', 'f', 'x\n', { mode: '0000' }), directory('added', 'd', { mode: '0000' }), file('added', 'd/g', 'y\n')],
  },
  {
    name: 'owner of the largest id',
    plant: 'echo x > f; chown 4294967294:4294967294 f',
    rows: [file('added', 'f', 'x\n', { owner: '4294967294:4294967294' })],
  },
  {
    name: 'capabilities',
    only: 'node-a',
    plant: 'echo x > f; hostile xattr f security.capability 0100000200200000000000000000000000000000',
    rows: [file('added', 'f', 'x\n', { capabilities: 'cap_net_raw=ep' })],
  },
  {
    name: 'attributes of the user are no capabilities',
    plant: 'echo x > f; hostile xattr f user.capability 01000002',
    rows: [file('added', 'f', 'x\n', { capabilities: null })],
  },
  {
    name: 'content that looks like an archive, with a member that leads out',
    plant: `echo ${archiveHeader().toString('base64')} | base64 -d > inner.tar`,
    rows: [file('added', 'inner.tar', archiveHeader())],
  },
];

/** Links that lead a careless reader elsewhere. */
export const links: readonly Case[] = [
  { name: 'absolute, to a file of the node', plant: 'ln -s /etc/shadow l', rows: [symlink('added', 'l', '/etc/shadow')] },
  { name: 'to a directory of the node', plant: 'ln -s "$SECRET" l', rows: ({ secret }) => [symlink('added', 'l', secret)] },
  { name: 'to a secret of the node', plant: 'ln -s "$SECRET/f" l', rows: ({ secret }) => [symlink('added', 'l', `${secret}/f`)] },
  { name: 'relative, up and out', plant: `ln -s ${'../'.repeat(40)}etc/shadow l`, rows: [symlink('added', 'l', `${'../'.repeat(40)}etc/shadow`)] },
  { name: 'through /proc/self/root', plant: 'ln -s /proc/self/root/etc/shadow l', rows: [symlink('added', 'l', '/proc/self/root/etc/shadow')] },
  {
    name: 'through the first process of the node',
    plant: 'ln -s /proc/1/root l; ln -s /proc/1/environ e',
    rows: [symlink('added', 'l', '/proc/1/root'), symlink('added', 'e', '/proc/1/environ')],
  },
  { name: 'dangling', plant: 'ln -s nowhere l', rows: [symlink('added', 'l', 'nowhere')] },
  {
    name: 'to itself',
    plant: 'ln -s l l; ln -s b a; ln -s a b',
    rows: [symlink('added', 'l', 'l'), symlink('added', 'a', 'b'), symlink('added', 'b', 'a')],
  },
  { name: 'to the directory above', plant: 'mkdir d; ln -s .. d/up', rows: [directory('added', 'd'), symlink('added', 'd/up', '..')] },
  { name: 'a target of 4,095 bytes', plant: 'hostile link-to 4095 l', rows: [symlink('added', 'l', 't'.repeat(4095))] },
  {
    name: 'a target with a newline, an escape and bytes that are no text',
    plant: "ln -s $'a\\nb\\033[2J\\377' l",
    rows: [symlink('added', 'l', Buffer.from('a\nb\x1b[2J\xff', 'latin1'))],
  },
  { name: 'hard links', plant: 'echo x > a; ln a b; ln a c', rows: ['a', 'b', 'c'].map((path) => file('added', path, 'x\n', { links: 3 })) },
  {
    name: 'hard links to a symlink',
    plant: 'ln -s /etc/shadow a; ln a b',
    rows: ['a', 'b'].map((path) => symlink('added', path, '/etc/shadow', { links: 2 })),
  },
  { name: 'hard link whose first name is gone', plant: 'echo x > a; ln a b; rm a', rows: [file('added', 'b', 'x\n', { links: 1 })] },
  {
    name: 'a hard link cannot be made into a volume, and trying leaves nothing',
    plant: 'echo x > a; ! ln a /disk/stolen 2>/dev/null; ! ln /bin/busybox /mem/stolen 2>/dev/null',
    rows: [file('added', 'a', 'x\n')],
  },
];

/** Times that forge, and times that have no calendar. */
export const times: readonly Case[] = [
  { name: 'long ago', plant: 'echo x > f; touch -d @1 f', rows: [file('added', 'f', 'x\n', { mtime: '1970-01-01T00:00:01.000Z' })] },
  { name: 'time zero', plant: 'echo x > f; hostile time f 0', rows: [file('added', 'f', 'x\n', { mtime: '1970-01-01T00:00:00.000Z' })] },
  { name: 'before 1970', plant: 'echo x > f; hostile time f -86400', rows: [file('added', 'f', 'x\n', { mtime: '1969-12-31T00:00:00.000Z' })] },
  {
    name: 'before what ext4 can hold',
    plant: 'echo x > f; hostile time f -8589934592',
    rows: [file('added', 'f', 'x\n', { mtime: '1901-12-13T20:45:52.000Z' })],
  },
  {
    name: 'in the far future',
    plant: 'echo x > f; hostile time f 15032385535',
    rows: [file('added', 'f', 'x\n', { mtime: '2446-05-10T22:38:55.000Z' })],
  },
  {
    name: 'in memory, after the last year of the calendar',
    plant: 'mkdir /mem/$(basename "$PWD"); cd /mem/$(basename "$PWD"); echo x > f; hostile time f 300000000000',
    rows: [directory('present', '', { in: '/mem' }), file('present', 'f', 'x\n', { in: '/mem', mtime: null }), directory('added', '')],
  },
];

/** The header of a member `../../etc/passwd`, as tar writes it. */
function archiveHeader(): Buffer {
  const header = Buffer.alloc(512);
  header.write('../../etc/passwd');
  header.write('0000644\0', 100);
  header.write('00000000010\0', 124);
  header.write('0ustar  \0', 156);
  return header;
}
