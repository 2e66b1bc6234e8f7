import { isFileless, type Process } from '../domain/process.js';
import { safeText } from '../domain/short-text.js';
import { argumentText } from '../judgement/evidence.js';
import { code } from './markdown-text.js';
import type { Report } from './model.js';

const maxRows = 200;
const maxLines = 15;
const maxSockets = 5;

/** The processes as a Markdown table; those that run what no file system has any more come first. Empty when there are none. */
export function processSection({ processes, counts }: Pick<Report, 'processes' | 'counts'>): string[] {
  if (processes.rows.length === 0) return [];
  const shown = inOrder(processes.rows).slice(0, maxRows);
  const rest = processes.total - shown.length;
  const whole = processes.listing === undefined ? 'in the evidence of this run' : `evidence ${code(processes.listing)}`;
  return [
    '## Processes',
    '',
    `${counts.processes.total} in all, ${counts.processes.fileless} of them with a program that is on no file system any more.${rest === 0 ? '' : ` ${rest} are not shown here; the whole listing is ${whole}.`}`,
    '',
    '| pid | parent | container | user | started | program | arguments | sockets |',
    '|---|---|---|---|---|---|---|---|',
    ...shown.map(tableRow),
  ];
}

function tableRow(process: Process): string {
  const { pid, containerPid, parent, container, uid, startedAt, executable } = process;
  const hash = executable.sha256 === undefined ? '' : `, ${code(executable.sha256)}`;
  const cells = [
    `${pid}${containerPid === undefined ? '' : ` (${containerPid} inside)`}`,
    String(parent),
    code(container),
    String(uid),
    startedAt,
    `${stateOf(process)}${executable.path.text === '' ? '' : ` ${code(executable.path.text)}`}${hash}`,
    code(argumentText(process)),
    socketWords(process)
      .map((words) => code(words))
      .join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The same for a terminal, the first few, without colours and without control characters. */
export function processLines({ processes }: Pick<Report, 'processes'>): string[] {
  const shown = inOrder(processes.rows).slice(0, maxLines);
  const lines = shown.map((process) => {
    const { pid, uid, executable } = process;
    const sockets = socketWords(process).join(', ');
    const text = [executable.path.text, argumentText(process), sockets].filter((part) => part !== '').join('  ');
    return `  ${String(pid).padStart(7)}  user ${uid}  ${stateOf(process).padEnd(7)}  ${safeText(text, 200)}`;
  });
  return processes.total > shown.length ? [...lines, `  and ${processes.total - shown.length} more; see the report`] : lines;
}

/** Those that run what no file system has any more first. */
export function inOrder(rows: readonly Process[]): Process[] {
  return [...rows].sort((a, b) => Number(isFileless(b)) - Number(isFileless(a)));
}

/** Where the program of a process is, in one word. */
export function stateOf({ zombie, executable }: Process): string {
  return zombie === true ? 'ended' : executable.state;
}

/** The first sockets of a process, one text each. */
export function socketWords({ sockets }: Process): string[] {
  const words = sockets
    .slice(0, maxSockets)
    .map(({ protocol, state, local, remote }) => (state === 'LISTEN' ? `${protocol} LISTEN ${local}` : `${protocol} ${state} ${local} to ${remote}`));
  return sockets.length > words.length ? [...words, `${sockets.length - words.length} more`] : words;
}
