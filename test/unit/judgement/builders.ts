import type { Artifact, ArtifactSource } from '../../../playbooks/domain/artifact.js';
import { artifactId } from '../../../playbooks/domain/artifact.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { Process } from '../../../playbooks/domain/process.js';

/** A fixed moment. */
export const at = '2025-01-02T03:04:05.000Z';

/** A change of one path in the root file system of container `web`, unless told otherwise. */
export function change(path: string | Uint8Array, extra: Partial<Change> = {}): Change {
  return {
    container: 'web',
    containerId: 'c'.repeat(64),
    place: { kind: 'rootfs' },
    path: pathName(Buffer.from(path)),
    kind: 'added',
    type: 'file',
    mode: '0644',
    size: 10,
    origin: 'container',
    method: 'overlay',
    ...extra,
  };
}

/** The artifact that was taken from a change; its sha256 is that of its path. */
export function artifactOf(from: Change, content: Artifact['content'] = 'text', extra: Partial<Artifact> = {}): Artifact {
  const { container, containerId, place, path, size = 0 } = from;
  const source: ArtifactSource = { container, containerId, place, path };
  const id = artifactId('file', source);
  return { id, kind: 'file', sha256: sha256Hex(path.b64), size, content, source, method: 'node', known: false, acquiredAt: at, ...extra };
}

/** What a source says of an artifact's hash. */
export function lookupOf({ sha256 }: Pick<Artifact, 'sha256'>, status: Lookup['status'], extra: Partial<Lookup> = {}): Lookup {
  return { sha256, source: 'virustotal', status, askedAt: at, cached: false, ...extra };
}

/** A process of container `web` that runs a file of the image, unless told otherwise. */
export function processOf(pid: number, path: string | Uint8Array = '/usr/sbin/nginx', extra: Partial<Process> = {}): Process {
  const name = pathName(Buffer.from(path));
  const { executable, ...rest } = extra;
  return {
    container: 'web',
    containerId: 'c'.repeat(64),
    pid,
    parent: 1,
    startedAt: at,
    name: pathName(Buffer.from('nginx')),
    uid: 0,
    executable: { state: 'present', filesystem: 'overlayfs', path: name, sha256: sha256Hex(name.b64), size: 10, ...executable },
    arguments: [name],
    environment: [],
    sockets: [],
    ...rest,
  };
}

/** The artifact that was made of what a process runs. */
export function executableOf({ container, containerId, pid, executable }: Process, extra: Partial<Artifact> = {}): Artifact {
  const source: ArtifactSource = { container, containerId, place: { kind: 'process', pid }, path: executable.path };
  const { sha256 = '', size = 0 } = executable;
  const id = artifactId('process-executable', source);
  return { id, kind: 'process-executable', sha256, size, content: 'elf', source, method: 'node', known: false, acquiredAt: at, ...extra };
}
