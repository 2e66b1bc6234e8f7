import { type Reach, reaches } from '../playbooks/domain/access.js';
import { custodyEntrySchema } from '../playbooks/domain/custody.js';
import { parseJson } from '../playbooks/domain/json.js';
import type { RunReader } from '../store/run-view.js';

/** Lines of the register, cut to those about runs that a caller may see: what is left is no chain any more. */
export class RegisterView {
  private readonly seen = new Map<string, boolean>();

  constructor(
    private readonly runs: Pick<RunReader, 'get'>,
    private readonly reach: Reach,
  ) {}

  /** Throws `redis-unavailable`. */
  async cut(lines: readonly string[]): Promise<readonly string[]> {
    if (this.reach === 'all') return lines;
    const visible: string[] = [];
    for (const line of lines) {
      const run = custodyEntrySchema.safeParse(parseJson(line)).data?.subject;
      if (run !== undefined && (await this.sees(run))) visible.push(line);
    }
    return visible;
  }

  /** A run is in the register twice or three times, close together. */
  private async sees(run: string): Promise<boolean> {
    const known = this.seen.get(run);
    if (known !== undefined) return known;
    const view = await this.runs.get(run);
    const sees = view !== undefined && reaches(this.reach, view.request.target);
    this.seen.set(run, sees);
    return sees;
  }
}
