import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { afterMs, untilAborted } from '../../../playbooks/domain/abort.js';
import { TriageError, throwIfAborted } from '../../../playbooks/domain/error.js';
import type { JsonValue } from '../../../playbooks/domain/json.js';
import { displayText } from '../../../playbooks/domain/path-name.js';
import { wellFormed } from './well-formed.js';

const MiB = 1024 * 1024;
const requestMs = 30_000;
const maxAnswerBytes = 32 * MiB;

/** What is asked for, also in the words of RBAC for whoever has to allow it. */
export interface Question {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** e.g. `get pods`. */
  readonly permission: string;
}

/** An answer that the caller may know better what to make of: 404, 400 and the like. */
export class ApiRefusal extends TriageError {
  constructor(
    cluster: string,
    readonly status: number,
    readonly said: string,
  ) {
    super('cluster-unreachable', `the API server of cluster "${cluster}" answered ${status}: ${said}`);
  }
}

/**
 * Reads from one API server with the credentials of a kubeconfig. The generated client of the library is left aside: it drops fields
 * that it does not know, and evidence is what the API server said.
 */
export class ApiServer {
  constructor(
    readonly cluster: string,
    readonly config: KubeConfig,
  ) {}

  /** A JSON answer, well-formed. Throws `cluster-unreachable` (as {@link ApiRefusal} for other answers), `cluster-forbidden`, `limit-exceeded`. */
  async json(question: Question, signal: AbortSignal): Promise<JsonValue> {
    const bounded = AbortSignal.any([signal, this.deadline(requestMs)]);
    const body = await this.body(await this.get(question, bounded), bounded);
    try {
      return wellFormed(JSON.parse(body.toString('utf8')) as JsonValue);
    } catch (error) {
      throw new TriageError('cluster-unreachable', `what answered for cluster "${this.cluster}" does not speak JSON`, { cause: error });
    }
  }

  /** What the clock of the server shows (header `Date`, to the second), whatever else it answers. Throws `cluster-unreachable`. */
  async date(signal: AbortSignal): Promise<Date> {
    const answer = await this.send({ path: '/version', permission: 'get /version' }, AbortSignal.any([signal, this.deadline(requestMs)]));
    answer.resume();
    const at = Date.parse(answer.headers.date ?? '');
    if (Number.isNaN(at)) throw this.unreachable(new Error('its answer has no date'));
    return new Date(at);
  }

  private async get(question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.send(question, signal);
    const status = answer.statusCode ?? 0;
    if (status === 200) return answer;
    const said = messageOf(await this.body(answer, signal));
    throw status === 401 || status === 403 ? this.forbidden(question.permission, said) : new ApiRefusal(this.cluster, status, said);
  }

  forbidden(permission: string, said: string): TriageError {
    return new TriageError('cluster-forbidden', `cluster "${this.cluster}" does not let podtriage ${permission}: grant it in RBAC (${said})`);
  }

  unreachable(error: unknown): TriageError {
    const text = displayText(error instanceof Error ? error.message || error.name : String(error));
    return new TriageError('cluster-unreachable', `the API server of cluster "${this.cluster}" cannot be reached: ${text}`, { cause: error });
  }

  private async send({ path, query }: Question, signal: AbortSignal): Promise<IncomingMessage> {
    throwIfAborted(signal);
    try {
      const url = new URL(`${(this.config.getCurrentCluster()?.server ?? '').replace(/\/$/, '')}${path}`);
      for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value);
      const options: https.RequestOptions = { headers: { accept: 'application/json, */*' } };
      await this.config.applyToHTTPSOptions(options);
      return await new Promise((resolve, reject) => {
        const request = (url.protocol === 'http:' ? http : https).request(url, { ...options, method: 'GET', signal }, resolve);
        request.on('error', reject);
        request.end();
      });
    } catch (error) {
      throwIfAborted(signal);
      throw this.unreachable(error);
    }
  }

  private async body(answer: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of untilAborted<Buffer>(answer, signal)) {
        size += chunk.length;
        if (size > maxAnswerBytes) throw new TriageError('limit-exceeded', `an answer of cluster "${this.cluster}" is larger than 32 MiB`);
        chunks.push(chunk);
      }
    } catch (error) {
      throwIfAborted(signal);
      throw error instanceof TriageError ? error : this.unreachable(error);
    }
    return Buffer.concat(chunks);
  }

  /** Aborted when the API server has taken too long. */
  private deadline(ms: number): AbortSignal {
    const { message } = this.unreachable(new Error(`no answer in ${ms} ms`));
    return afterMs(ms, message, 'cluster-unreachable');
  }
}

/** The message of a Status object, or the start of whatever it is; safe to print. */
function messageOf(body: Buffer): string {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') {
      return displayText(parsed.message.slice(0, 500));
    }
  } catch {
    // Proxies in front of an API server answer in HTML.
  }
  return displayText(body.subarray(0, 200));
}
