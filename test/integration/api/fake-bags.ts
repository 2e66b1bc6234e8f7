import type { BagSource, RecordedArtifact } from '../../../store/bag/source.js';
import type { FakeRuns } from './fakes.js';

/** What the runs in memory have written down. */
export class FakeBags implements BagSource {
  destroyed = false;

  constructor(private readonly runs: FakeRuns) {}

  async now(run: string): Promise<{ entries: number; destroyed: boolean }> {
    return { entries: (await this.runs.custody(run, 0, 1_000)).length, destroyed: this.destroyed };
  }

  async *artifacts(run: string): AsyncGenerator<RecordedArtifact> {
    for (const artifact of await this.runs.artifacts(run)) yield { artifact, record: JSON.stringify(artifact) };
  }

  steps(): Promise<never[]> {
    return Promise.resolve([]);
  }

  async *lookups(run: string): AsyncGenerator<string> {
    for (const lookup of await this.runs.lookups(run)) yield JSON.stringify(lookup);
  }

  amendments(): Promise<never[]> {
    return Promise.resolve([]);
  }

  async *chain(run: string, from = 0, to = 1_000): AsyncGenerator<string> {
    yield* await this.runs.custody(run, from, to - from);
  }

  async *register(run: string): AsyncGenerator<string> {
    yield* await this.runs.custody(run, 0, 0);
  }
}
