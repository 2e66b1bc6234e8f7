/** Names of capabilities by their numbers (linux/capability.h, Linux 5.9 to 6.18). */
const names = [
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin',
  'net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time',
  'sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon',
  'bpf checkpoint_restore',
]
  .join(' ')
  .split(' ');

/** Bytes of `struct vfs_cap_data` by revision: magic, then permitted and inheritable, 32 bits of each at a time; revision 3 ends with a user id. */
const sizes: Readonly<Record<number, number>> = { 1: 12, 2: 20, 3: 24 };

/**
 * The attribute `security.capability` (capabilities(7), "File capability extended attribute versioning") in the words of getcap(8), such as
 * `cap_net_admin,cap_net_raw=ep`; with `[rootid=N]` where only the root of one user namespace gains them. Empty where it grants nothing,
 * undefined where the kernel would not take it.
 */
export function decodeCapabilities(data: Buffer): string | undefined {
  const magic = data.length >= 4 ? data.readUInt32LE(0) : 0;
  const revision = magic >>> 24;
  if (data.length !== sizes[revision]) return undefined;
  const effective = (magic & 1) === 1;
  const words = revision === 1 ? 1 : 2;
  const groups = new Map<string, string[]>();
  for (let number = 0; number < words * 32; number += 1) {
    const at = 4 + 8 * Math.floor(number / 32);
    const has = (offset: number): boolean => ((data.readUInt32LE(at + offset) >>> (number % 32)) & 1) === 1;
    const [permitted, inheritable] = [has(0), has(4)];
    if (!permitted && !inheritable) continue;
    const flags = `${effective ? 'e' : ''}${inheritable ? 'i' : ''}${permitted ? 'p' : ''}`;
    groups.set(flags, [...(groups.get(flags) ?? []), nameOf(number)]);
  }
  const text = [...groups].map(([flags, list]) => `${list.join(',')}=${flags}`).join(' ');
  const root = revision === 3 ? data.readUInt32LE(20) : 0;
  return text === '' || root === 0 ? text : `${text} [rootid=${root}]`;
}

/** A capability newer than the table is its number, as getcap writes it. */
function nameOf(number: number): string {
  const name = names[number];
  return name === undefined ? String(number) : `cap_${name}`;
}
