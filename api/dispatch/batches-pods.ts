import { spread } from '../../playbooks/fleet/spread.js';
import type { BatchTarget } from '../../playbooks/fleet/target.js';
import type { RedisBatches, StoredBatch } from '../../store/batches.js';
import type { BatchTargets } from '../../store/batches-targets.js';
import type { Round } from '../../store/batches-texts.js';
import type { TargetStanding } from '../../store/batches-view.js';

/** A pod of a batch, its number, and when it was found. */
export interface NumberedPod {
  readonly number: number;
  readonly target: BatchTarget;
  readonly at: string;
}

/** What waits, in the order in which it is taken. */
type Waiting = Map<number, TargetStanding | undefined>;

/** What this process remembers of a batch between two looks at it. What was signed does not change. */
export class BatchPods {
  private readonly rounds: Round[] = [];
  private readonly pods: NumberedPod[] = [];
  private order: readonly number[] = [];
  private waits: Waiting | undefined;
  /** The last retry that has been seen to. */
  retried = 0;

  constructor(
    private readonly batches: RedisBatches,
    private readonly targets: BatchTargets,
    private readonly id: string,
  ) {}

  /** Reads what is not known yet. Returns the round that the batch is in; undefined while a worker looks for its pods. Throws `custody-broken`. */
  async read({ record }: StoredBatch): Promise<Round | undefined> {
    while (this.rounds.length < record.round) {
      const number = this.rounds.length + 1;
      const round = await this.batches.round(this.id, number);
      if (round === undefined) return undefined;
      const found = await this.batches.pods(this.id, number, round);
      const first = this.pods.length;
      this.pods.push(...found.map((target, index) => ({ number: first + index, target, at: round.at })));
      this.rounds.push(round);
      this.order = spread(this.pods.map(({ target }) => target));
      this.forget();
    }
    return this.rounds[record.round - 1];
  }

  get all(): readonly NumberedPod[] {
    return this.pods;
  }

  /** Of those that are there. */
  get nodes(): number {
    return new Set(this.pods.flatMap(({ target }) => target.node ?? [])).size;
  }

  pod(number: number): NumberedPod | undefined {
    return this.pods[number];
  }

  /** The pods that have no run yet, and what stands of them. Whoever has taken one takes it out. */
  async waiting(): Promise<Waiting> {
    if (this.waits !== undefined) return this.waits;
    const standings = await this.targets.standings(this.id);
    const open = this.order.filter((number) => (standings.get(number)?.state ?? 'pending') === 'pending');
    this.waits = new Map(open.map((number) => [number, standings.get(number)]));
    return this.waits;
  }

  /** Has what waits read anew. */
  forget(): void {
    this.waits = undefined;
  }
}
