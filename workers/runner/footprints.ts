import { randomUUID } from 'node:crypto';
import type { Act, CustodyAct } from '../../playbooks/domain/custody.js';
import type { JsonObject } from '../../playbooks/domain/json.js';

type Intent = Extract<CustodyAct, 'cluster.request' | 'command.started'>;
type Outcome = Extract<CustodyAct, 'cluster.answered' | 'command.finished'>;

/** Records acts on the target: the intent before, the outcome after. Never fenced, as what was done was done. */
export class Footprints {
  constructor(
    private readonly append: (act: Act) => Promise<void>,
    private readonly step: string,
  ) {}

  /** Resolves when the intent is in custody; only then may the act be done. Returns the number that joins the two. */
  async begin(act: Intent, subject: string | undefined, detail: JsonObject): Promise<string> {
    const id = randomUUID();
    await this.write(act, subject, id, detail);
    return id;
  }

  end(act: Outcome, subject: string | undefined, id: string, detail: JsonObject): Promise<void> {
    return this.write(act, subject, id, detail);
  }

  private write(act: CustodyAct, subject: string | undefined, id: string, detail: JsonObject): Promise<void> {
    return this.append({ act, ...(subject === undefined ? {} : { subject }), detail: { call: id, step: this.step, ...detail } });
  }
}

/** Starts a stopwatch; the returned function reads it, in ms. */
export function elapsed(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start);
}
