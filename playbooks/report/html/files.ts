import { containerText, pathText } from '../../judgement/evidence.js';
import type { ArtifactRow, Report } from '../model.js';
import type { MountRow } from '../mounts.js';
import type { Part } from './part.js';
import { code, type HtmlValue, html } from './safe-html.js';
import { table } from './table.js';
import { listNote, small } from './words.js';

const fileColumns = [
  { title: 'Path' },
  { title: 'Content', width: 'w6' },
  { title: 'Bytes', width: 'w6', number: true },
  { title: 'sha256', width: 'w24' },
  { title: 'Container', width: 'w8' },
] as const;

/** The acquired files with their hashes; the programs of processes among them. */
export function filePart({ artifacts, counts }: Report): Part {
  const files = artifacts.rows.filter(({ kind }) => kind === 'file' || kind === 'process-executable');
  const body = html`${files.length === 0 ? html`<p>No file was acquired.</p>` : undefined}${listNote(artifacts)}
${table('Acquired files and programs of processes', fileColumns, files, fileCells)}`;
  return { id: 'files', title: 'Acquired files', count: counts.files.total, body };
}

function fileCells({ source, content, size, sha256, left, unstable, known, contentText, packageText }: ArtifactRow): HtmlValue[] {
  const notes = [left === true ? 'left on the node' : '', unstable === true ? 'changed while read' : '', known ? 'in the store before' : ''];
  return [
    html`${source === undefined ? 'bytes without a path' : code(pathText(source))}${small(...notes, contentText, packageText)}`,
    content,
    size,
    code(sha256),
    source === undefined ? '' : containerText(source),
  ];
}

const mountColumns = [
  { title: 'Mounted at' },
  { title: 'What', width: 'w18' },
  { title: 'Access', width: 'w8' },
  { title: 'Shared with', width: 'w11' },
  { title: 'Treatment', width: 'w8' },
  { title: 'Container', width: 'w8' },
] as const;

const others = { container: 'this container alone', pod: 'the pod', pods: 'other pods', node: 'the node' } as const;

/** What the containers have mounted, and what was done with it. */
export function mountPart({ mounts }: Report): Part {
  const body = html`${mounts.length === 0 ? html`<p>No mount is known.</p>` : undefined}${table('Mounts of the containers', mountColumns, mounts, mountCells)}`;
  return { id: 'mounts', title: 'Mounts', count: mounts.length, body };
}

function mountCells({ mountPath, kind, volume, filesystem, readOnly, shared, treatment, container, instance }: MountRow): HtmlValue[] {
  return [
    code(mountPath),
    html`${kind}${volume === mountPath ? undefined : html` ${code(volume)}`}${filesystem === undefined ? '' : ` on ${filesystem}`}`,
    readOnly ? 'read-only' : 'writable',
    others[shared],
    treatment,
    `${container}${instance === undefined ? '' : ` (${instance} instance)`}`,
  ];
}
