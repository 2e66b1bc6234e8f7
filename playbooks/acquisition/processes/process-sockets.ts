import type { Socket } from '../../domain/process.js';

/** A socket of a network namespace, by the inode that a process's descriptor names. */
export interface TableRow {
  readonly inode: string;
  readonly socket: Socket;
}

/** As the kernel names them (include/net/tcp_states.h); the tables of UDP use the same numbers. */
const states: Readonly<Record<string, string>> = {
  '01': 'ESTABLISHED',
  '02': 'SYN_SENT',
  '03': 'SYN_RECV',
  '04': 'FIN_WAIT1',
  '05': 'FIN_WAIT2',
  '06': 'TIME_WAIT',
  '07': 'CLOSE',
  '08': 'CLOSE_WAIT',
  '09': 'LAST_ACK',
  '0A': 'LISTEN',
  '0B': 'CLOSING',
  '0C': 'NEW_SYN_RECV',
};

const line = /^([0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}) ([0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4}) ([0-9A-F]{2}) (\d{1,20})$/;

/** Parses lines of `local remote state inode` from /proc/PID/net/tcp and its like. A last line without its end was cut, and is left out. */
export function parseTable(protocol: Socket['protocol'], text: string): TableRow[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((row) => {
      const [, local, remote, state = '', inode] = line.exec(row) ?? [];
      if (local === undefined || remote === undefined || inode === undefined) return [];
      return [{ inode, socket: { protocol, state: states[state] ?? state, local: endText(local), remote: endText(remote) } }];
    });
}

/**
 * Decodes one end of a socket, such as `0100007F:1F90` or 32 digits of IPv6. The kernel prints the address as 32-bit words of the node's own
 * byte order; all that Kubernetes runs on but s390x is little-endian.
 */
export function endText(end: string): string {
  const [words = '', port = ''] = end.split(':');
  const bytes = (words.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  const number = Number.parseInt(port, 16);
  return bytes.length === 4 ? `${bytes.join('.')}:${number}` : `[${ipv6Text(bytes)}]:${number}`;
}

/** An IPv6 address of 16 bytes as RFC 5952 writes it: the longest run of zero groups as `::`, IPv4-mapped ones with their dots. */
export function ipv6Text(bytes: readonly number[]): string {
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255) return `::ffff:${bytes.slice(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0));
  const { start, length } = longestZeros(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}
