import { displayText } from '../../domain/path-name.js';
import type { ContainerVolume } from '../../facts.js';
import type { Mount } from '../node/mountinfo.js';
import { isWithin, nodePathsOf, type RecordedMount } from './volume-source.js';

/** Kernel interfaces: what lies in them is no file of anyone. */
const pseudo: ReadonlySet<string> = new Set([
  ...['autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts', 'efivarfs', 'fusectl', 'mqueue', 'nsfs'],
  ...['proc', 'pstore', 'rpc_pipefs', 'securityfs', 'selinuxfs', 'sysfs', 'tracefs'],
]);

/** File systems in memory: their answers are the kernel's, never those of a server of the suspect's. */
const inMemory: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** A container with CAP_SYS_ADMIN can make a hundred thousand mounts, of any name. */
const most = { mounts: 32, nameBytes: 8 * 1024 };

interface OwnMounts {
  readonly mounts: readonly RecordedMount[];
  readonly podFolder: string | undefined;
  /** The mount table of the container's init process, which can be hostile. */
  readonly own: readonly Mount[];
  /** The node's own mount table. */
  readonly node: readonly Mount[];
}

/**
 * What the container's own mount table has beyond the runtime's record: /dev and other file systems in memory that no other mount namespace
 * has, and whatever a process of the container mounted. Only the former get a device and a mount id, by which they can be entered and
 * proved (process-tree.ts); the others are for the report to name.
 */
export function ownMounts(from: OwnMounts): ContainerVolume[] {
  const { mounts, own, node } = from;
  const table = own.filter((mount) => !pseudo.has(mount.type) && !isMask(mount) && !isDevice(mount));
  const devices = new Set(node.map(({ device }) => device));
  const isAlone = (mount: Mount): boolean => inMemory.has(mount.type) && !devices.has(mount.device);
  const last = new Map(own.map(({ mountPoint, id }) => [mountPoint, id]));
  const isExplained = explainer(from);
  const found = new Bounded();
  for (const mount of outermost(table.filter(isAlone))) found.add(() => aloneIn(mount, last.get(mount.mountPoint) !== mount.id));
  for (const mount of table) {
    const isKnown = devices.has(mount.device);
    if (!isAlone(mount) && !(isKnown && isExplained(mount))) found.add(() => named(mount, 'other', isKnown ? 'node' : 'container'));
  }
  for (const { destination, source } of mounts) {
    // The runtime made it, and the table does not show it: the process has unmounted it, or looks from elsewhere.
    const isMissing = inMemory.has(source) && !last.has(destination);
    if (isMissing) found.add(() => ({ volume: destination, kind: 'tmpfs', mountPath: destination, readOnly: false, shared: 'container' }));
  }
  return found.volumes();
}

/** Of several mounts at one place only the last can be entered; the others need a name of their own for the report to tell that. */
function aloneIn(mount: Mount, isCovered: boolean): ContainerVolume {
  const volume = named(mount, 'tmpfs', 'container');
  const name = isCovered ? `${volume.volume} (mount ${mount.id}, covered)` : volume.volume;
  return { ...volume, volume: name, device: mount.device, mountId: mount.id };
}

function named(mount: Mount, kind: ContainerVolume['kind'], shared: ContainerVolume['shared']): ContainerVolume {
  const mountPath = displayText(mount.mountPoint);
  return { volume: mountPath, kind, mountPath, filesystem: mount.type, readOnly: mount.options.includes('ro'), shared };
}

/** Runtimes hide parts of /proc and /sys below a file system that has room for one inode: its root. */
function isMask({ type, superOptions }: Mount): boolean {
  return type === 'tmpfs' && superOptions.split(',').includes('nr_inodes=1');
}

/** A pod with a user namespace of its own cannot make device nodes: the runtime binds the node's into it, and hides parts of /proc by them. */
function isDevice({ type, root }: Mount): boolean {
  return type === 'devtmpfs' && /^\/(full|null|random|tty|urandom|zero)$/.test(root);
}

/** Of mounts of one file system, those that show what no other does: bind mounts of a part of it add nothing. */
function outermost(mounts: readonly Mount[]): Mount[] {
  const kept = new Map<string, Mount[]>();
  const sorted = [...mounts].sort((a, b) => a.root.length - b.root.length);
  return sorted.filter((mount) => {
    const before = kept.get(mount.device) ?? [];
    if (!isDeleted(mount) && before.some(({ root }) => isWithin(mount.root, root))) return false;
    // More than can be named need no comparing.
    if (before.length <= most.mounts) kept.set(mount.device, [...before, mount]);
    return true;
  });
}

/** A mount of what has no name any more can be seen nowhere else (proc_pid_mountinfo(5) writes it so; no path holds two slashes). */
function isDeleted({ root }: Mount): boolean {
  return root.endsWith('//deleted');
}

/** Says whether a mount shows what is looked at elsewhere: the container's root file system, or a volume of the record. */
function explainer({ mounts, podFolder, own, node }: OwnMounts): (mount: Mount) => boolean {
  const overlays = new Set(node.filter(({ type }) => type === 'overlay').map(({ device }) => device));
  // The first mount at a place is the runtime's; what a container mounts there later stands after it.
  const first = new Map([...own].reverse().map(({ mountPoint, id }) => [mountPoint, id]));
  const destinations = new Set(mounts.map(({ destination }) => destination));
  const folders = mounts.map(({ source }) => source).filter((source) => source.startsWith('/'));
  if (podFolder !== undefined) folders.push(podFolder);
  return (mount) => {
    if (isDeleted(mount)) return false;
    if (overlays.has(mount.device)) return true;
    if (destinations.has(mount.mountPoint) && first.get(mount.mountPoint) === mount.id) return true;
    return nodePathsOf(mount, node).some((path) => folders.some((folder) => isWithin(path, folder)));
  };
}

/** The first volumes, and one that stands for the rest. */
class Bounded {
  private readonly kept: ContainerVolume[] = [];
  private bytes = 0;
  private left = 0;

  add(make: () => ContainerVolume): void {
    if (this.left > 0 || this.kept.length === most.mounts) {
      this.left += 1;
      return;
    }
    const volume = make();
    this.bytes += Buffer.byteLength(volume.mountPath);
    if (this.bytes > most.nameBytes) this.left += 1;
    else this.kept.push(volume);
  }

  volumes(): ContainerVolume[] {
    if (this.left === 0) return this.kept;
    const mountPath = `(${this.left} more mounts)`;
    return [...this.kept, { volume: mountPath, kind: 'other', mountPath, readOnly: false, shared: 'container' }];
  }
}
