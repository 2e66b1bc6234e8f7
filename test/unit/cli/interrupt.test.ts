import { describe, expect, it } from 'vitest';
import { interruptible } from '../../../cli/interrupt.js';
import type { Display } from '../../../cli/ui/display.js';
import { fakeIo } from './fake-io.js';

function listen(): { display: Display; acts: string[] } {
  const acts: string[] = [];
  const display: Display = { show: () => undefined, say: (line) => void acts.push(line), hold: (held) => void acts.push(held ? 'hold' : 'go on') };
  return { display, acts };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('Ctrl-C while a run is shown', () => {
  it.each(['y', 'YES', ' cancel '])('cancels the run when the answer is "%s", and goes on showing it', async (answer) => {
    const io = fakeIo({ interactive: true, ask: () => Promise.resolve(answer) });
    const { display, acts } = listen();
    const { signal } = interruptible(io, display, () => Promise.resolve(acts.push('cancel')));
    io.signal();
    await settle();
    expect(acts.slice(0, 2)).toEqual(['hold', 'go on']);
    expect(acts.at(-1)).toBe('cancel');
    expect(signal.aborted).toBe(false);
  });

  it.each(['', 'n', 'leave it'])('leaves the run alone when the answer is "%s"', async (answer) => {
    const io = fakeIo({ interactive: true, ask: () => Promise.resolve(answer) });
    const { display, acts } = listen();
    const { signal } = interruptible(io, display, () => Promise.resolve(acts.push('cancel')));
    io.signal();
    await settle();
    expect(acts).toEqual(['hold']);
    expect(signal.aborted).toBe(true);
  });

  it('leaves at once the second time, whatever the first has come to', async () => {
    const io = fakeIo({ interactive: true, ask: () => new Promise(() => undefined) });
    const { signal } = interruptible(io, listen().display, () => Promise.resolve());
    io.signal();
    await settle();
    expect(signal.aborted).toBe(false);
    io.signal();
    expect(signal.aborted).toBe(true);
  });

  it('says when the run cannot be cancelled', async () => {
    const io = fakeIo();
    const { display, acts } = listen();
    interruptible(io, display, () => Promise.reject(new Error('away')));
    io.signal();
    await settle();
    expect(acts.at(-1)).toContain('could not be cancelled: away');
  });
});
