import { pathBytes } from '../domain/path-name.js';
import { lastName, rawPathOf, type Subject } from './subject.js';

/**
 * Ways of a name to seem something else.
 * - `trailing-blank`: it ends in blanks, or is made of dots and blanks alone.
 * - `double-extension`: the ending of a picture or document, and that of a program behind it.
 * - `reordered`: characters that turn the direction of text, or that no screen shows.
 * - `control`: line ends, escapes and the like.
 * - `kernel-thread`: that of a thread of the kernel; of a process, also the name that it gave itself.
 * - `daemon`: of a process alone, its first argument names another program than it runs: a server, where an interpreter runs or a file of a
 *   temporary place.
 */
export const masks = ['trailing-blank', 'double-extension', 'reordered', 'control', 'kernel-thread', 'daemon'] as const;
export type Mask = (typeof masks)[number];

/** Threads of the kernel whose names no program has. */
const plain = 'kworker|kthreadd|ksoftirqd|kswapd|kcompactd|khugepaged|kdevtmpfs|kauditd|kblockd|kintegrityd|khungtaskd|ksmd';
/** Those whose names mean a thread only in the brackets of ps(1). */
const bracketed = `${plain}|rcu_[a-z_]{1,20}|migration|watchdogd?|cpuhp|netns|oom_reaper|writeback|crypto|jbd2|scsi_[a-z]{1,8}|idle_inject|pdflush|events|kstrp|md|aio|bioset`;
const kernelThread = new RegExp(`^(?:\\[(?:${bracketed})(?:[^a-zA-Z\\]][^\\]]{0,40})?\\]?|(?:${plain})(?:[\\d/:][^\\0]{0,40})?)\\s{0,100}$`);

/** Patterns over latin1 of a name's bytes: blanks are those of ASCII and the no-break, em and ideographic ones of UTF-8. */
const patterns: Readonly<Record<Exclude<Mask, 'daemon'>, RegExp>> = {
  'trailing-blank': /(?:[ \t]|\xc2\xa0|\xe2\x80[\x80-\x8b\xaf]|\xe3\x80\x80)$|^\.{3,}$/,
  'double-extension':
    /\.(?:jpe?g|png|gif|bmp|ico|svg|webp|pdf|docx?|xlsx?|pptx?|txt|csv|mp[34])[ .]{0,100}\.(?:sh|elf|bin|so|exe|scr|bat|py|pl|rb|php\d?|phtml|phar|jspx?|aspx?|cgi)$/i,
  reordered: /\xe2\x80[\x8b\x8e\x8f\xaa-\xae]|\xe2\x81[\xa0\xa6-\xa9]|\xef\xbb\xbf|\xd8\x9c/,
  control: /[\x00-\x1f\x7f]/,
  'kernel-thread': kernelThread,
};

const daemons = /^(?:httpd|apache2?|nginx|sshd|crond?|syslogd|rsyslogd|klogd|mysqld|dbus-daemon|udevd|systemd[a-z-]{0,20}|agetty|auditd|acpid|ntpd)$/;
const interpreters = /^(?:perl|python|php|ruby|node|lua|bash|dash|sh|zsh|ksh)[\d.-]{0,8}$/;
const temporary = /^(?:tmp|var\/tmp|dev\/shm|run\/shm|memfd:)/;

/** Says whether a subject's name, or what a process calls itself, is such a mask. */
export function wears(mask: Mask, subject: Subject): boolean {
  if (mask === 'daemon') return isFalseDaemon(subject);
  const names = mask === 'kernel-thread' ? [...ownNames(subject), fileName(subject)] : [fileName(subject)];
  return names.some((name) => patterns[mask].test(name));
}

function fileName(subject: Subject): string {
  return lastName(rawPathOf(subject) ?? '');
}

/** What a process says it is: anybody can change that of himself. */
function ownNames({ process }: Subject): string[] {
  if (process === undefined) return [];
  return [process.name, ...process.arguments.slice(0, 1)].map((name) => pathBytes(name).toString('latin1').slice(0, 200));
}

function isFalseDaemon(subject: Subject): boolean {
  const [, first = ''] = ownNames(subject);
  const claimed = lastName(first.split(/[ :]/, 1)[0] ?? '');
  if (!daemons.test(claimed)) return false;
  const path = rawPathOf(subject) ?? '';
  return interpreters.test(lastName(path)) || temporary.test(path);
}
