import { pathName } from '../../domain/path-name.js';
import type { Process } from '../../domain/process.js';
import type { Survey } from './process-survey.js';

/** The executable of a process, and `device:inode` where it can be seen. */
export interface SeenExecutable {
  readonly executable: Process['executable'];
  readonly key?: string;
}

const suffix = Buffer.from(' (deleted)');

/**
 * Says what a process runs. A file can be called `/memfd:x` or `x (deleted)`, so the text of the link decides nothing: a link count of
 * zero says that the file is on no file system any more, and a memory file system that is mounted nowhere, that it never had a name.
 * An image's own file that was deleted keeps its link in the image, and is `present`: the listing of changes has its deletion.
 */
export function executableOf(survey: Survey, pid: number): SeenExecutable {
  const link = survey.links.get(`${pid}/exe`) ?? Buffer.alloc(0);
  const [, device, inode, links, size] = /^(\d+):(\d+) (\d+) (\d+)$/.exec(survey.identities.get(`${pid}/exe`) ?? '') ?? [];
  if (device === undefined || inode === undefined) return { executable: { state: 'unreadable', path: pathName(link) } };
  const filesystem = survey.filesystems.get(`${pid}/exe`);
  const fileless = links === '0';
  const state = !fileless ? 'present' : isNameless(survey, pid, device, filesystem, link) ? 'memfd' : 'deleted';
  const path = fileless && link.subarray(-suffix.length).equals(suffix) ? link.subarray(0, -suffix.length) : link;
  return {
    executable: {
      state,
      path: pathName(path),
      size: Math.min(Number(size), Number.MAX_SAFE_INTEGER),
      device,
      inode,
      ...(filesystem === undefined ? {} : { filesystem: filesystem.slice(0, 60) }),
    },
    key: `${device}:${inode}`,
  };
}

function isNameless(survey: Survey, pid: number, device: string, filesystem: string | undefined, link: Buffer): boolean {
  if (filesystem !== 'tmpfs' && filesystem !== 'hugetlbfs') return false;
  const mounted = survey.devices.get(survey.mounts.get(String(pid)) ?? '');
  // Without its mount table (a pod of many mount namespaces) the link has to do: both words mean that the file is gone.
  return mounted === undefined ? link.subarray(0, 7).toString('latin1') === '/memfd:' : !mounted.has(majorMinor(BigInt(device)));
}

/** `major:minor` of a device number as stat(2) gives it (makedev(3) of glibc). */
export function majorMinor(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}
