import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { KnownFile } from './virustotal-files.js';

/** One file that somebody has given to the emulator. */
export interface UploadedFile {
  readonly mode: 'public' | 'private';
  readonly sha256: string;
  readonly bytes: number;
  /** As in the form. */
  readonly filename: string;
  /** Whether it came to an upload URL. */
  readonly large: boolean;
}

export interface Reply {
  readonly status: number;
  readonly body: object;
}

/** What the emulator says of files that it is given. */
export interface UploadRules {
  /** What it finds in files, by sha256; in others nothing. */
  readonly finds: ReadonlyMap<string, KnownFile>;
  /** How often an analysis is asked about before it is complete. */
  readonly polls: number;
  /** Whether keys may use Private Scanning. */
  readonly privateAllowed: boolean;
}

interface Analysis {
  readonly file: UploadedFile;
  readonly key: string;
  polls: number;
}

const directBytes = 32 * 1024 * 1024;
const clean: KnownFile = { name: 'uploaded', malicious: 0, undetected: 70 };

/** VirusTotal's endpoints for content (API v3, "Upload a file", "Get a URL for uploading large files", "Analyses", Private Scanning). */
export class UploadDesk {
  readonly files: UploadedFile[] = [];
  readonly #analyses = new Map<string, Analysis>();
  readonly #places = new Set<string>();

  constructor(
    private readonly rules: UploadRules,
    /** Its address, as upload URLs are absolute. */
    private readonly url: () => string,
  ) {}

  /** What is public since it was given away. */
  learned(sha256: string): KnownFile | undefined {
    const done = [...this.#analyses.values()].some(
      ({ file, polls }) => file.sha256 === sha256 && file.mode === 'public' && polls >= this.rules.polls,
    );
    return done ? (this.rules.finds.get(sha256) ?? clean) : undefined;
  }

  /** The answer to a request that is about content and was admitted; undefined when it is about something else. */
  async answer(request: IncomingMessage, path: string, key: string): Promise<Reply | undefined> {
    const place = /^\/_ah\/upload\/(public|private)\/([0-9]+)$/.exec(path);
    if (request.method === 'POST' && place !== null) {
      if (!this.#places.delete(path)) return refusal(400, 'BadRequestError', 'an upload URL is good for one use');
      return this.#take(request, place[1] === 'private' ? 'private' : 'public', key, true);
    }
    const match = /^\/api\/v3\/(private\/)?(files|analyses)(?:\/(.+))?$/.exec(path);
    if (match === null) return undefined;
    const [, hidden, kind, id] = match;
    const mode = hidden === undefined ? 'public' : 'private';
    const what = `${request.method} ${kind}${id === undefined ? '' : id === 'upload_url' ? '/upload_url' : '/id'}`;
    if (mode === 'private' && !this.rules.privateAllowed) return refusal(403, 'ForbiddenError', 'You need a Private Scanning licence');
    if (what === 'POST files') return this.#take(request, mode, key, false);
    if (what === 'GET files/upload_url') return this.#place(mode);
    if (what === 'GET analyses/id') return this.#analysis(mode, decodeURIComponent(id ?? ''), key);
    if (what === 'GET files/id' && mode === 'private') return this.#privateFile(id ?? '', key);
    return undefined;
  }

  #place(mode: UploadedFile['mode']): Reply {
    const path = `/_ah/upload/${mode}/${this.#places.size + this.#analyses.size + 1}`;
    this.#places.add(path);
    return { status: 200, body: { data: `${this.url()}${path}` } };
  }

  async #take(request: IncomingMessage, mode: UploadedFile['mode'], key: string, large: boolean): Promise<Reply> {
    const form = await readForm(request);
    if (form === undefined) return refusal(400, 'BadRequestError', 'there is no file in the form');
    if (!large && form.content.length > directBytes) return refusal(413, 'BadRequestError', 'too large, ask for an upload URL');
    const sha256 = createHash('sha256').update(form.content).digest('hex');
    const file: UploadedFile = { mode, sha256, bytes: form.content.length, filename: form.filename, large };
    this.files.push(file);
    const id = Buffer.from(`${createHash('md5').update(form.content).digest('hex')}:${this.files.length}`).toString('base64');
    this.#analyses.set(id, { file, key, polls: 0 });
    return { status: 200, body: { data: { type: mode === 'public' ? 'analysis' : 'private_analysis', id, links: {} } } };
  }

  #analysis(mode: UploadedFile['mode'], id: string, key: string): Reply {
    const analysis = this.#analyses.get(id);
    const isTheirs = analysis?.file.mode === mode && (mode === 'public' || analysis.key === key);
    if (analysis === undefined || !isTheirs) return refusal(404, 'NotFoundError', 'Analysis not found');
    analysis.polls += 1;
    const status = analysis.polls >= this.rules.polls ? 'completed' : analysis.polls === 1 ? 'queued' : 'in-progress';
    return {
      status: 200,
      body: { data: { type: mode === 'public' ? 'analysis' : 'private_analysis', id, attributes: { status, date: 1_750_000_000 } } },
    };
  }

  #privateFile(sha256: string, key: string): Reply {
    const known = [...this.#analyses.values()].some(({ file, key: sender }) => file.mode === 'private' && file.sha256 === sha256 && sender === key);
    if (!known) return refusal(404, 'NotFoundError', 'File not found');
    const isBad = (this.rules.finds.get(sha256)?.malicious ?? 0) > 0;
    const sandbox_verdicts = { Zenbox: { category: isBad ? 'malicious' : 'undetected', sandbox_name: 'Zenbox' } };
    return { status: 200, body: { data: { type: 'private_file', id: sha256, attributes: { sha256, sandbox_verdicts } } } };
  }
}

/** The part `file` of a form (RFC 7578). The emulator may hold it in memory. */
async function readForm(request: IncomingMessage): Promise<{ content: Buffer; filename: string } | undefined> {
  const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(request.headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const start = body.indexOf('\r\n\r\n');
  const end = body.lastIndexOf(`\r\n--${boundary}--`);
  const head = body.subarray(0, start).toString('latin1');
  const filename = /name="file"; filename="([^"]*)"/.exec(head)?.[1];
  if (!head.startsWith(`--${boundary}\r\n`) || filename === undefined || end < start) return undefined;
  return { content: body.subarray(start + 4, end), filename };
}

function refusal(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}
