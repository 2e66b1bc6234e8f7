import { stringify } from 'node:querystring';
import { PassThrough, type Readable } from 'node:stream';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { containerTarArgv } from '../../../playbooks/acquisition/taking/container-tar.js';
import { afterMs, orAbort } from '../../../playbooks/domain/abort.js';
import { abortReason, TriageError } from '../../../playbooks/domain/error.js';
import { displayText } from '../../../playbooks/domain/path-name.js';
import type { PodRef } from '../../../playbooks/ports.js';
import type { ApiServer } from './api-server.js';
import { ArchiveStream, type ExecSocket, type Pace } from './archive-stream.js';
import { assertNames } from './names.js';

const connectMs = 30_000;

/** What to archive; see InContainerPort. */
export interface ArchiveRequest {
  readonly ref: PodRef;
  readonly container: string;
  readonly path: Uint8Array;
  readonly maxBytes: number;
}

/**
 * Runs the container's own tar through the API server, as `kubectl cp` does, but counts a stream as whole only if the API server says so.
 * The stream errors with `command-failed`, `limit-exceeded`, `transfer-truncated` or `timeout`.
 * Throws `command-failed` for a path that cannot be sent, `cluster-forbidden`, `cluster-unreachable`, `pod-not-found`.
 */
export async function openArchive(server: ApiServer, request: ArchiveRequest, signal: AbortSignal, pace: Pace): Promise<Readable> {
  assertNames(request.ref, request.container);
  const command = containerTarArgv(relativePath(request.path));
  // Nothing is sent on stdin: its end tells the command that we have gone.
  const query = stringify({ command, container: request.container, stdin: 'true', stdout: 'true', stderr: 'true' });
  const path = `/api/v1/namespaces/${request.ref.namespace}/pods/${request.ref.pod}/exec?${query}`;
  const stream = new ArchiveStream(`tar in container ${request.container} of ${request.ref.pod}`, request.maxBytes, pace);
  const connecting = handlerOf(server).connect(path, null, (channel, data) => {
    stream.take(channel, data);
    return true;
  });
  const bounded = AbortSignal.any([signal, afterMs(connectMs)]);
  try {
    return attach(stream, await orAbort(connecting, bounded), signal);
  } catch (error) {
    connecting.then((socket) => socket.terminate()).catch(() => undefined);
    if (signal.aborted) throw abortReason(signal);
    throw connectError(error, server, request);
  }
}

/** The library closes these streams when a server says so; its default ones are those of our own process. */
function handlerOf(server: ApiServer): WebSocketHandler {
  const unused = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  return new WebSocketHandler(server.config, undefined, unused);
}

function attach(stream: ArchiveStream, socket: ExecSocket, signal: AbortSignal): Readable {
  const stop = (): void => stream.fail(abortReason(signal));
  signal.addEventListener('abort', stop, { once: true });
  stream.out.once('close', () => signal.removeEventListener('abort', stop));
  stream.attach(socket);
  if (signal.aborted) stop();
  return stream.out;
}

/** Relative to `/`. The API takes text only: a path that is no UTF-8 cannot be sent. */
function relativePath(path: Uint8Array): string {
  const bytes = Buffer.from(path);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes) || bytes.includes(0)) {
    throw new TriageError(
      'command-failed',
      `${displayText(bytes)} is not UTF-8: such a path cannot be sent through the API server; read it from the node`,
    );
  }
  if (!text.startsWith('/')) throw new TriageError('command-failed', `${displayText(bytes)} is not an absolute path`);
  return text.replace(/^\/+/, '') || '.';
}

function connectError(error: unknown, server: ApiServer, { ref, container }: ArchiveRequest): TriageError {
  const text = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  const status = /Unexpected server response: (\d{3})/.exec(text)?.[1];
  if (status === '401' || status === '403') return server.forbidden('get and create pods/exec', `status ${status}`);
  if (status === '404') return new TriageError('pod-not-found', `there is no pod ${ref.pod} in namespace ${ref.namespace} to run tar in`);
  if (status === '400') return new TriageError('container-not-running', `container ${container} of ${ref.pod} is not there or does not run`);
  return server.unreachable(error instanceof Error ? error : new Error(text));
}
