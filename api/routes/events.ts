import { type Request, Router } from 'express';
import { z } from 'zod';
import { TriageError } from '../../playbooks/domain/error.js';
import { actorOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { patience } from '../long-poll.js';
import { sendStream } from '../page.js';
import { requireRun } from '../require-run.js';
import { type EventTimes, runEvents } from '../run-events.js';

const defaultTimes: EventTimes = { heartbeatMs: 15_000, lifeMs: 15 * 60_000 };

/** How many streams one caller can have of this process at a time. */
const maxStreams = 10;

const seq = z.coerce.number().int().min(0).max(999_999_999);
const afterSchema = z.object({ after: seq.optional() });

/** `/runs/{run}/events`: what happens in a run, as it happens. */
export function eventRoutes({ runs, eventTimes = defaultTimes }: Pick<ApiDeps, 'runs' | 'eventTimes'>): Router {
  const open = new Streams();
  return Router().get('/api/v1/runs/:run/events', async (req, res) => {
    const { id } = await requireRun(runs, req);
    const from = firstOf(req);
    const close = open.take(actorOf(req));
    const signal = patience(req, res);
    try {
      // Proxies that gather answers would keep events back.
      res.set({ 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' });
      await sendStream(res, 'text/event-stream', runEvents(runs, id, from, eventTimes, signal));
    } catch (error) {
      // Who has gone misses nothing: he takes the stream up again.
      if (!res.destroyed || !res.headersSent) throw error;
    } finally {
      close();
    }
  });
}

/** The place of the first entry that the caller has not seen. */
function firstOf(req: Pick<Request, 'get' | 'query'>): number {
  const seen = req.get('last-event-id') ?? afterSchema.parse(req.query).after;
  return seen === undefined ? 0 : seq.parse(seen) + 1;
}

/** The streams that are open, by caller. */
class Streams {
  private readonly open = new Map<string, number>();

  /** Counts one more. Returns what ends it; throws `rate-limited`. */
  take(actor: string): () => void {
    const before = this.open.get(actor) ?? 0;
    if (before >= maxStreams) throw new TriageError('rate-limited', `a caller can have ${maxStreams} streams of events at a time; end one of them`);
    this.open.set(actor, before + 1);
    return () => {
      const left = (this.open.get(actor) ?? 1) - 1;
      if (left === 0) this.open.delete(actor);
      else this.open.set(actor, left);
    };
  }
}
