/** Questions in one call at most. */
const most = 5_000;

interface Waiting {
  readonly answer: Promise<boolean>;
  readonly resolve: (isSo: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers questions about names that are asked at about the same time, and asks them in one call; what comes during a call is the next one. */
export class Gathered {
  private waiting = new Map<string, Waiting>();
  private asking = false;

  /** @param call answers with those of the names for which it is so */
  constructor(private readonly call: (names: readonly string[]) => Promise<ReadonlySet<string>>) {}

  ask(name: string): Promise<boolean> {
    const { answer } = this.waiting.get(name) ?? this.add(name);
    if (!this.asking) {
      this.asking = true;
      setImmediate(() => void this.askAll());
    }
    return answer;
  }

  private add(name: string): Waiting {
    let settle: Pick<Waiting, 'resolve' | 'reject'> = { resolve: () => undefined, reject: () => undefined };
    const answer = new Promise<boolean>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const waiting = { answer, ...settle };
    this.waiting.set(name, waiting);
    return waiting;
  }

  private async askAll(): Promise<void> {
    while (this.waiting.size > 0) {
      const some = [...this.waiting].slice(0, most);
      for (const [name] of some) this.waiting.delete(name);
      try {
        const those = await this.call(some.map(([name]) => name));
        for (const [name, { resolve }] of some) resolve(those.has(name));
      } catch (error) {
        for (const [, { reject }] of some) reject(error);
      }
    }
    this.asking = false;
  }
}
