import { RecentMap } from '../../playbooks/domain/recent.js';

/** For so long a node that did not answer in all attempts of a step is not waited for again, in ms: then a step waits for it as if nothing had been. */
const rememberMs = 2 * 60_000;
/** So many nodes are remembered. */
const maxNodes = 10_000;

/**
 * Nodes that a step of this process has waited for in vain: other steps ask them once and do not wait, or a batch would wait as long for each pod of a
 * node that is off.
 */
export class AwayNodes {
  /** Node -> when it was given up, in ms. */
  private readonly since = new RecentMap<string, number>(maxNodes);

  constructor(private readonly clock: () => Date) {}

  /** Whether it was given up, and has not answered since. */
  has(node: string): boolean {
    const since = this.since.get(node);
    return since !== undefined && this.clock().getTime() - since < rememberMs;
  }

  /** A step has failed as it cannot be reached, and does not try again. */
  gaveUp(node: string): void {
    if (!this.has(node)) this.since.set(node, this.clock().getTime());
  }

  /** It has taken a command. */
  answered(node: string): void {
    this.since.delete(node);
  }
}
