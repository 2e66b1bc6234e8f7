import { describe, expect, it } from 'vitest';
import { ownersOf, processList } from '../../../playbooks/acquisition/processes/process-rows.js';
import type { NodeContainer } from '../../../playbooks/facts.js';

const id = 'a'.repeat(64);
const home = `/kubepods/pod1/${id}`;
const container: NodeContainer = {
  name: 'web',
  id,
  kind: 'container',
  instance: 'current',
  state: 'running',
  runtime: 'containerd',
  pid: 1,
  volumes: [],
  mountPaths: [],
};

const stat = (pid: number, start: number) => `${pid}/stat\0${pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${start} 0\n`;

const version = 'version\0Linux version 6.18\n';
const lastInit = 'version:Linux version 6.18\n';

/** What the script prints of processes that started at tick 500; `more` replaces sections. */
function sections(pids: readonly number[], more: Record<string, string> = {}): Map<string, Buffer> {
  const each = (line: (pid: number) => string) => pids.map(line).join('');
  const all = {
    inits: `1/cgroup:8:pids:${home}\n${lastInit}`,
    'root.1': '7',
    cgroups: `${each((pid) => `${pid}/cgroup:8:pids:${home}\n`)}9999999999/end\n`,
    before: `${each((pid) => `${stat(pid, 500)}${pid}/status\0Uid:\t100033\t100033\t100033\t100033\n`)}${version}stat\0btime 1000\nuptime\x005.1 9.3\n`,
    after: each((pid) => stat(pid, 500)) + version,
    links: `${each((pid) => `${pid}/exe\0/bin/x\0`)}version\0\0`,
    identities: `${each((pid) => `${pid}/exe 7:${pid} 1 10\n`)}end 0\n`,
    filesystems: `${each((pid) => `${pid}/exe overlayfs\n`)}end 0\n`,
    arguments: `${each((pid) => `${pid}/cmdline\0x\0`)}end\0\0`,
    environments: 'end\0\0',
    spaces: 'end\n',
    ticks: '100\n',
    ...more,
  };
  return new Map(Object.entries(all).map(([name, text]) => [name, Buffer.from(text, 'latin1')]));
}

describe('ownersOf', () => {
  it('takes the container’s cgroup and those below, and none elsewhere that only has its name', () => {
    const lines = [
      [2, home],
      [3, `${home}/sub/${id}`],
      [4, `/kubepods/pod2/${'b'.repeat(64)}/${id}`],
      [5, `${home}x`],
      [6, `/other/${id}`],
    ];
    const cgroups = lines.map(([pid, path]) => `${pid}/cgroup:8:pids:${path}\n`).join('');
    expect([...ownersOf(sections([], { cgroups }), [container]).keys()]).toEqual([2, 3]);
  });

  it.each(['crio-', 'cri-containerd-'])('knows the names of the systemd driver: %s', (prefix) => {
    const path = `/kubepods.slice/${prefix}${id}.scope`;
    const found = ownersOf(sections([], { inits: `1/cgroup:0::${path}\n`, cgroups: `2/cgroup:0::${path}/init\n` }), [container]);
    expect([...found.keys()]).toEqual([2]);
  });

  it('takes nobody when the init process is not in a cgroup of that name', () => {
    expect(ownersOf(sections([2], { inits: '' }), [container]).size).toBe(0);
  });
});

describe('processList', () => {
  it('shows owners as the container sees them, and those of the node beside', () => {
    const mapped = { ...container, idMaps: { uids: [{ container: 0, node: 100_000, size: 65_536 }], gids: [] } };
    expect(processList(sections([2]), [mapped]).processes[0]?.row).toMatchObject({ uid: 33, nodeUid: 100_033 });
    expect(processList(sections([2]), [container]).processes[0]?.row).toMatchObject({ uid: 100_033, startedAt: '1970-01-01T00:16:45.000Z' });
  });

  it.each([
    ['states', { before: `${stat(2, 500)}stat\0btime 1000\nuptime\x005.1 9.3\n` }],
    ['users and the time of the boot', { before: `${stat(2, 500)}${version}stat\0btime 10\n` }],
    ['states, the second time', { after: stat(2, 500) }],
    ['links', { links: '2/exe\0/bin/x\0' }],
    ['first processes', { inits: `1/cgroup:8:pids:${home}\n` }],
    ['cgroups', { cgroups: `2/cgroup:8:pids:${home}\n` }],
  ])('believes no list for which not all %s were read', (_what, more) => {
    expect(() => processList(sections([2], more), [container])).toThrow(expect.objectContaining({ code: 'transfer-truncated' }));
  });

  it('lists neither of two processes that had one pid, and says so', () => {
    const { processes, gaps } = processList(sections([2, 3], { after: stat(2, 501) + stat(3, 500) + version }), [container]);
    expect(processes.map(({ row }) => row.pid)).toEqual([3]);
    expect(gaps).toMatchObject([{ subject: 'web: process 2', reason: 'pid-reused' }]);
  });

  it('holds a process that ended meanwhile to be no gap, and one whose program cannot be seen to be one', () => {
    const seen = processList(sections([2, 3], { after: stat(3, 500) + version, identities: 'end 0\n' }), [container]);
    expect(seen.processes.map(({ row }) => [row.pid, row.executable.state])).toEqual([[3, 'unreadable']]);
    expect(seen.gaps).toMatchObject([{ subject: 'web: process 3', reason: 'could-not-read' }]);
  });

  it('tells what lies on the root file system from what does not', () => {
    const { processes } = processList(sections([2, 3], { identities: '2/exe 7:1 1 10\n3/exe 8:1 1 10\nend 0\n' }), [container]);
    expect(processes.map(({ onRoot }) => onRoot)).toEqual([true, false]);
  });

  it.each([
    ['a program on no file system', '0', '0:99\n', 'overlayfs', '/bin/x (deleted)', 'deleted', '/bin/x'],
    ['a program in memory that is mounted nowhere', '0', '0:99\n', 'tmpfs', '/memfd:x (deleted)', 'memfd', '/memfd:x'],
    ['a deleted one of a mounted tmpfs, whatever it is called', '0', '0:7\n', 'tmpfs', '/memfd:x (deleted)', 'deleted', '/memfd:x'],
    ['a deleted one where no mount table is known', '0', '', 'tmpfs', '/dev/shm/x (deleted)', 'deleted', '/dev/shm/x'],
    ['one that is only called deleted', '1', '0:99\n', 'overlayfs', '/bin/x (deleted)', 'present', '/bin/x (deleted)'],
    ['one that is only called a memfd', '1', '0:99\n', 'tmpfs', '/memfd:x', 'present', '/memfd:x'],
  ])('knows %s', (_name, links, devices, filesystem, link, state, path) => {
    const found = processList(
      sections([2], {
        identities: `2/exe 7:1 ${links} 10\nend 0\n`,
        filesystems: `2/exe ${filesystem}\nend 0\n`,
        links: `2/exe\0${link}\0version\0\0`,
        mounts: 'mnt:[1] 2/ns/mnt\n',
        'devices.mnt:[1]': devices,
      }),
      [container],
    );
    expect(found.processes[0]?.row.executable).toMatchObject({ state, path: { text: path } });
  });

  it.each([
    ['none has a mount namespace of its own', 'mnt:[1] 2/ns/mnt\n', {}, []],
    ['one has, and mounts nothing there', 'mnt:[2] 2/ns/mnt\n', { 'devices.mnt:[2]': '0:5\n' }, []],
    ['two have one with a file system of its own', 'mnt:[2] 2/ns/mnt\nmnt:[2] 3/ns/mnt\n', { 'devices.mnt:[2]': '0:5\n0:99\n' }, ['web: process 2']],
    ['one has one that was not read', 'mnt:[2] 2/ns/mnt\n', {}, ['web: process 2']],
  ])('says what was mounted out of sight: %s', (_name, mounts, devices, subjects) => {
    const seen = { mounts: `mnt:[1] 1/ns/mnt\n${mounts}`, 'devices.mnt:[1]': '0:5\n0:7\n', ...devices };
    const { gaps } = processList(sections([1, 2, 3], seen), [container]);
    expect(gaps.map(({ subject, reason }) => [subject, reason])).toEqual(subjects.map((subject) => [subject, 'mount-namespace']));
  });

  it('is not whole when a reader was kept waiting, and says so', () => {
    const { whole, gaps, processes } = processList(sections([2], { environments: '2/environ\0A=\0' }), [container]);
    expect(whole).toBe(false);
    expect(gaps).toMatchObject([{ reason: 'could-not-read' }]);
    expect(processes[0]?.row.environment.map(({ text }) => text)).toEqual(['A']);
  });

  it('says when sockets were left out', () => {
    const row = '0100007F:1F90 00000000:0000 0A 5\n';
    const one = {
      networks: 'net:[1] 2/ns/net\n',
      'table.tcp.net:[1]': `${row}end\n`,
      'table.tcp6.net:[1]': 'end\n',
      descriptors: '2/fd socket:[5]\n',
    };
    const whole = processList(sections([2], one), [container]);
    expect(whole.gaps).toEqual([]);
    expect(whole.processes[0]?.row.sockets).toMatchObject([{ state: 'LISTEN', local: '127.0.0.1:8080' }]);
    const cut = { ...one, 'table.tcp6.net:[1]': '' };
    const unseen = { ...one, networks: 'net:[1] 2/ns/net\nnet:[2] 3/ns/net\n' };
    for (const more of [cut, unseen]) {
      expect(processList(sections([2, 3], more), [container]).gaps).toMatchObject([{ subject: 'sockets', reason: 'too-many' }]);
    }
  });
});
