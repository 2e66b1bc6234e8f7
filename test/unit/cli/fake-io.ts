import type { Io } from '../../../cli/io.js';

/** A process that is none: it remembers what it is told. */
export interface FakeIo extends Io {
  readonly exits: number[];
  printed(): string;
  /** Waits until stderr holds `text`. */
  said(text: string): Promise<void>;
  /** Sends SIGINT to all that listen. */
  signal(): void;
}

export function fakeIo(overrides: Partial<Io> = {}): FakeIo {
  const handlers = new Set<() => void>();
  const exits: number[] = [];
  let stdout = '';
  let stderr = '';
  return {
    env: {},
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    interactive: false,
    colour: false,
    columns: () => 80,
    ask: () => Promise.resolve(''),
    onStop(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    exit: (code) => void exits.push(code),
    exits,
    printed: () => stdout,
    async said(text) {
      while (!stderr.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    signal() {
      for (const handler of [...handlers]) handler();
    },
    ...overrides,
  };
}
