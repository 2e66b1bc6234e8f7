import type { Process } from '../../domain/process.js';
import { argumentText } from '../../judgement/evidence.js';
import type { Report } from '../model.js';
import { inOrder, socketWords, stateOf } from '../process-text.js';
import type { Part } from './part.js';
import { code, type HtmlValue, html, time } from './safe-html.js';
import { table } from './table.js';
import { listNote, small } from './words.js';

const columns = [
  { title: 'Process', width: 'w8' },
  { title: 'Started (UTC)', width: 'w13' },
  { title: 'Program and arguments' },
  { title: 'Sockets', width: 'w13' },
  { title: 'Container', width: 'w8' },
] as const;

/** The processes; those that run what no file system has any more come first. */
export function processPart({ processes, counts }: Report): Part {
  const none = processes.listing === undefined ? html`<p>No processes were listed.</p>` : html`<p>There was no process.</p>`;
  const words = html`<p>With a program that is on no file system any more: ${counts.processes.fileless}.</p>`;
  const body = html`${processes.total === 0 ? none : words}${listNote(processes)}
${table('Processes by number on the node, those without a file first', columns, inOrder(processes.rows), cells)}`;
  return { id: 'processes', title: 'Processes', count: processes.total, body };
}

function cells(process: Process): HtmlValue[] {
  const { pid, containerPid, parent, uid, startedAt, executable, container } = process;
  const words = argumentText(process);
  return [
    html`${pid}${small(containerPid === undefined ? undefined : `${containerPid} inside`, `parent ${parent}`, `user ${uid}`)}`,
    time(startedAt),
    html`${stateOf(process)} ${executable.path.text === '' ? undefined : code(executable.path.text)}${words === '' ? undefined : html`<br>${code(words, 600)}`}${small(executable.sha256 === undefined ? undefined : `sha256 ${executable.sha256}`)}`,
    socketWords(process).map((socket) => html`${socket}<br>`),
    container,
  ];
}
