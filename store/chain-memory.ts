import type { CustodyEntry, Head } from '../playbooks/domain/custody.js';
import { RecentMap } from '../playbooks/domain/recent.js';

const maxHeads = 10_000;
/** A process writes to few chains at a time, and reads its entries soon after. */
const maxEntries = 4_096;

/**
 * What the writer and the readers of one process know of chains. It makes them faster, and no difference else: a head is only what the writer
 * builds upon, and Redis says if it is not the head any more; an entry that was signed here needs no check where it is met again, byte by byte.
 */
export class ChainMemory {
  private readonly heads = new RecentMap<string, Head>(maxHeads);
  private readonly entries = new RecentMap<string, CustodyEntry>(maxEntries);

  headOf(chain: string): Head | undefined {
    return this.heads.get(chain);
  }

  /** Redis has said so, or does when the entries up to there are written. */
  headIs(chain: string, head: Head): void {
    this.heads.set(chain, head);
  }

  /** A reader has come so far; the writer may be further. */
  headSeen(chain: string, head: Head): void {
    if ((this.heads.get(chain)?.seq ?? 0) < head.seq) this.heads.set(chain, head);
  }

  /** Remembers an entry that was signed here, by its line. */
  signed(line: string, entry: CustodyEntry): void {
    this.entries.set(line, entry);
  }

  /** The entry of a line that was signed here. */
  entryOf(line: string): CustodyEntry | undefined {
    return this.entries.get(line);
  }
}
