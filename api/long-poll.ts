import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/** The weak entity tag of what an answer says. */
export function weakTag(text: string): string {
  return `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
}

/** What is waited for. */
export interface Changeable<T> {
  /** Resolves when something may have changed since the call, or after `ms`. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  look(): Promise<T>;
  tag(view: T): string;
  /** Whether nothing is to come that the caller waits for. */
  isOver(view: T): boolean;
}

/**
 * Waits until what is looked at differs from what the caller knows, is over, or `ms` have gone by, and returns it as it is then.
 * @param known the tag that the caller has; without it, that of what is there now
 */
export async function awaitChange<T>(subject: Changeable<T>, known: string | undefined, ms: number, signal: AbortSignal): Promise<T> {
  const deadline = Date.now() + ms;
  let base = known;
  for (;;) {
    const left = deadline - Date.now();
    // Listen first, then look: a change in between is not missed.
    const change = left > 0 ? listen((own) => subject.changed(left, own), signal) : undefined;
    try {
      const view = await subject.look();
      if (change === undefined || signal.aborted || subject.isOver(view)) return view;
      const tag = subject.tag(view);
      base ??= tag;
      if (tag !== base) return view;
      await change.heard();
    } finally {
      change?.stop();
    }
  }
}

/** Listening that has begun. */
export interface Listening {
  /** Resolves when there was something, or with the signal. Throws what listening throws. */
  heard(): Promise<void>;
  stop(): void;
}

/** Begins to listen. What fails is told to who waits for it, and to nobody else. */
export function listen(changed: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Listening {
  const own = new AbortController();
  const over = AbortSignal.any([signal, own.signal]);
  const change = changed(over).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  return {
    async heard() {
      const failure = await change;
      if (failure !== undefined && !over.aborted) throw failure.error;
    },
    stop: () => own.abort(),
  };
}

/** Aborted when the caller has gone or the API is about to stop. */
export function patience(req: Request, res: Response): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  req.app.once('closing', stop);
  res.once('close', () => {
    req.app.off('closing', stop);
    stop();
  });
  return controller.signal;
}
