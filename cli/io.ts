import { createInterface } from 'node:readline/promises';
import picocolors from 'picocolors';
import { displayText } from '../playbooks/domain/path-name.js';

/** What a command may touch of its process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For results. */
  readonly out: (text: string) => void;
  /** For people: progress, hints, errors. */
  readonly err: (text: string) => void;
  /** Whether a person sits at both ends: stdin and stderr are terminals. */
  readonly interactive: boolean;
  /** Whether results go to a terminal that shows colours. */
  readonly colour: boolean;
  /** Width of the terminal, in characters. */
  readonly columns: () => number;
  /** Reads one line; empty when the signal ends it. */
  ask(question: string, signal: AbortSignal): Promise<string>;
  /** Calls `handler` at SIGINT and SIGTERM. Returns what takes it away again. */
  onStop(handler: () => void): () => void;
  /** Ends the process now. */
  exit(code: number): void;
}

/** The process itself. */
export function processIo(): Io {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  return {
    env: process.env,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    colour: process.stdout.isTTY && picocolors.isColorSupported,
    // A terminal may not know its own size.
    columns: () => process.stderr.columns || 80,
    async ask(question, signal) {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      // Ctrl-C and Ctrl-D close the reader and leave the question open for ever.
      const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
      try {
        return await Promise.race([reader.question(question, { signal }), closed]);
      } catch {
        return '';
      } finally {
        reader.close();
      }
    },
    onStop(handler) {
      const names = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of names) process.on(signal, handler);
      return () => {
        for (const signal of names) process.off(signal, handler);
      };
    },
    exit: (code) => process.exit(code),
  };
}

/** `podtriage runs | head` is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

const unsafe = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Makes text of several lines safe to print. Unlike {@link displayText} it keeps line ends and backslashes: the text is a document of ours. */
export function safeLines(text: string): string {
  return text
    .split(/(\r?\n)/)
    .map((part, index) => (index % 2 === 0 ? part.replace(unsafe, displayText) : part))
    .join('');
}

/** JSON in plain ASCII: the same value, but no character of it can do anything to a terminal. */
export function safeJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
