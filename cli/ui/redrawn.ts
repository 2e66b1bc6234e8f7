/** Lines at the end of a terminal that are drawn again and again in place. */
export abstract class Redrawn {
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;
  #held = false;
  #open = false;

  /** @param everyMs how often it is drawn by itself */
  constructor(
    private readonly write: (text: string) => void,
    private readonly everyMs: number,
  ) {}

  /** What stands there now. None may be wider than the terminal: one that wraps would be counted as one and not be erased. */
  protected abstract lines(): readonly string[];

  /** Draws now, and from now on. */
  protected draw(): void {
    this.#open = true;
    if (this.#held) return;
    this.#timer ??= setInterval(() => this.draw(), this.everyMs);
    const lines = this.lines();
    this.#erase();
    this.write(lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines.length;
  }

  /** Writes a line above that stays. */
  say(line: string): void {
    this.#erase();
    this.write(`${line}\n`);
    if (this.#open) this.draw();
  }

  /** Stops drawing, or takes it up: somebody is being asked something, and what stands there now stays. */
  hold(held: boolean): void {
    this.#held = held;
    this.#stop();
    if (held) this.#drawn = 0;
    else if (this.#open) this.draw();
  }

  /** Draws for the last time. */
  close(): void {
    if (this.#open) this.draw();
    this.#open = false;
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #erase(): void {
    if (this.#drawn > 0) this.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }
}
