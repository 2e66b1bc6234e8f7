import { TriageError } from '../playbooks/domain/error.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import type { Display } from './ui/display.js';
import { LineDisplay } from './ui/line-display.js';
import { LiveDisplay } from './ui/live-display.js';

/** The display that fits the terminal. */
export function displayOf(io: Io): Display {
  return io.interactive ? new LiveDisplay(io.err, io.columns) : new LineDisplay(io.err);
}

const closing = {
  run: 'the run closes its custody and writes its report',
  batch: 'its runs close their custody and write their reports',
} as const;

/** What Ctrl-C does while a run or a batch is shown. */
export interface Interruptible {
  /** Aborted when the command is to leave. */
  readonly signal: AbortSignal;
  end(): void;
}

/**
 * The first Ctrl-C asks whether to cancel the run or to leave it running; where nobody can be asked, it cancels and goes on
 * showing the run until it has stopped. The second leaves at once.
 */
export function interruptible(
  io: Io,
  display: Pick<Display, 'say' | 'hold'>,
  cancel: () => Promise<unknown>,
  what: 'run' | 'batch' = 'run',
): Interruptible {
  const leave = new AbortController();
  let stops = 0;
  const off = io.onStop(() => {
    stops += 1;
    if (stops > 1) leave.abort();
    else void first();
  });
  const first = async (): Promise<void> => {
    const stay = !io.interactive || (await wantsCancel(io, display, what, leave.signal));
    if (!stay) {
      leave.abort();
      return;
    }
    display.say(`cancelling: ${closing[what]}; Ctrl-C again leaves at once`);
    await cancel().catch((error: unknown) =>
      display.say(`the ${what} could not be cancelled: ${error instanceof Error ? error.message : 'unknown error'}`),
    );
  };
  return { signal: leave.signal, end: off };
}

/** A terminal in readline's hands gives us Ctrl-C as the end of the question, with an empty answer: that, too, leaves. */
async function wantsCancel(io: Io, display: Pick<Display, 'hold'>, what: string, signal: AbortSignal): Promise<boolean> {
  display.hold?.(true);
  const answer = await io.ask(`\nCancel the ${what}? [y = cancel it, anything else = leave it running] `, signal);
  const yes = /^(y|yes|c|cancel)$/i.test(answer.trim());
  if (yes) display.hold?.(false);
  return yes;
}

/**
 * Runs work that Ctrl-C ends: it is told by its signal, and puts away what it has begun.
 * @returns what `work` returns, or the exit status of an interrupted command
 */
export async function stoppable(io: Io, work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController();
  const off = io.onStop(() => stop.abort(new TriageError('cancelled', 'stopped; nothing was kept')));
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    io.err('stopped; nothing was kept\n');
    return exitCodes.interrupted;
  } finally {
    off();
  }
}
