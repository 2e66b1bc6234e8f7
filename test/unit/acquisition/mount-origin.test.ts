import { describe, expect, it } from 'vitest';
import { mountOrigins } from '../../../playbooks/acquisition/volumes/mount-origin.js';

type Entry = Parameters<typeof mountOrigins>[2][number];

function entry(type: Entry['type'], path: string, more: { target?: string; ctime?: string; device?: string } = {}): Entry {
  const { target = '', ctime = '1000.1', device = '214' } = more;
  return { type, path: Buffer.from(path, 'latin1'), target: Buffer.from(target), ctime, device };
}

function originOf(at: string, ...entries: Entry[]): string[] {
  return mountOrigins(at, '214', [entry('char', 'null', { ctime: '1000.0' }), ...entries]).slice(1);
}

describe('the entries of /dev', () => {
  it('are the runtime’s where a runtime makes them', () => {
    const made = [entry('symlink', 'fd', { target: '/proc/self/fd' }), entry('symlink', 'ptmx', { target: 'pts/ptmx' }), entry('char', 'tty')];
    expect(originOf('/dev', ...made, entry('directory', 'shm'), entry('block', 'sda'))).toEqual(Array(5).fill('runtime'));
  });

  it('are the suspect’s where they are files, links elsewhere, or devices made later', () => {
    const own = [
      entry('file', 'null2'),
      entry('file', 'zero'),
      entry('symlink', 'fd', { target: '/etc/shadow' }),
      entry('symlink', 'stdin2', { target: '/proc/self/fd/0' }),
      entry('directory', 'd'),
      entry('directory', 'd/shm'),
      entry('block', 'sdb', { ctime: '1009' }),
      entry('fifo', 'p'),
      entry('char', 'd/null', { ctime: '1009' }),
    ];
    expect(originOf('/dev', ...own)).toEqual(Array(own.length).fill('container'));
  });

  it('are mounts of their own where another device lies there', () => {
    expect(originOf('/dev', entry('directory', 'pts', { device: '215' }), entry('file', 'termination-log', { device: '64768' }))).toEqual([
      'mount',
      'mount',
    ]);
  });
});

describe('the entries of another mount', () => {
  it('are the suspect’s, whatever they are called', () => {
    expect(originOf('/mem', entry('char', 'null'), entry('symlink', 'fd', { target: '/proc/self/fd' }))).toEqual(['container', 'container']);
  });

  it('are the runtime’s where they link control groups that are mounted together', () => {
    const links = [entry('symlink', 'cpu', { target: 'cpu,cpuacct' }), entry('symlink', 'x', { target: '../../../etc' }), entry('file', 'f')];
    expect(originOf('/sys/fs/cgroup', ...links)).toEqual(['runtime', 'container', 'container']);
  });
});
