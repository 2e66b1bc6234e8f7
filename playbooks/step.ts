import { z } from 'zod';
import { TriageError } from './domain/error.js';
import type { RunRequest } from './domain/request.js';
import { type Board, type FactName, type Facts, factSchemas, maxFactBytes } from './facts.js';
import type { Permission } from './permission.js';
import type { StepContext } from './ports.js';

export type StepQueue = 'cluster' | 'node' | 'intel' | 'evidence';

/** What the author of a step writes. `needs` must be on the board; `uses` may be missing, as a run can be partial. */
export interface StepSpec<Params, Needs extends FactName, Uses extends FactName, Writes extends FactName> {
  readonly name: string;
  readonly summary: string;
  readonly queue: StepQueue;
  /** What it must be allowed to do on cluster and node and elsewhere; a function where that hangs on its parameters. */
  readonly permissions: readonly Permission[] | ((this: void, params: Params) => readonly Permission[]);
  readonly needs: readonly Needs[];
  readonly uses: readonly Uses[];
  readonly writes: readonly Writes[];
  readonly params: z.ZodType<Params>;
  readonly timeoutMs: number;
  /** Tries at most, with exponential backoff between them; only retryable errors are tried again. */
  readonly attempts: number;
  /** Runs whatever happened before it, cancelled runs included, and closes the run. Only the last step may. */
  readonly closes?: boolean;
  /** It waits for files to be uploaded, not for answers about hashes. */
  readonly uploads?: boolean;
  /** Why it has nothing to do in a run that asks for this; undefined when it has. It is then skipped, and nothing is missing. */
  unless?(this: void, request: RunRequest): string | undefined;
  run(
    this: void,
    facts: Pick<Facts, Needs> & { readonly [K in Uses]?: Facts[K] | undefined },
    params: Params,
    ctx: StepContext,
  ): Promise<Pick<Facts, NoInfer<Writes>>>;
}

/** Runs a step on a board and returns what it wrote. */
export type BoundStep = (board: Board, ctx: StepContext) => Promise<Board>;

/** What everyone else sees: one plain type, so that a list of different steps is just `Step[]`. */
export interface Step extends Omit<StepSpec<unknown, FactName, FactName, FactName>, 'run' | 'params' | 'permissions'> {
  /** Parses the parameters, once, when the playbook is loaded. Throws a ZodError. */
  bind(params: unknown): BoundStep;
  /** What it needs with these parameters. Throws a ZodError. */
  permissions(params: unknown): readonly Permission[];
}

/** Closes over the exact types of a step; outside nothing is generic any more. */
export function defineStep<P, const N extends FactName, const U extends FactName, const W extends FactName>(spec: StepSpec<P, N, U, W>): Step {
  const { run, params: schema, permissions, ...card } = spec;
  return {
    ...card,
    permissions: (raw) => (typeof permissions === 'function' ? permissions(schema.parse(raw)) : permissions),
    bind(raw) {
      const params = schema.parse(raw);
      return async (board, ctx) => {
        const facts = { ...readFacts(board, spec.uses, false), ...readFacts(board, spec.needs, true) };
        // The one cast: readFacts has just checked it.
        return readFacts(await run(facts as Parameters<typeof run>[0], params, ctx), spec.writes, true);
      };
    },
  };
}

/** Copies the named facts through their schemas: shapes and bounds hold on the way in and on the way out. */
function readFacts(board: Board, names: readonly FactName[], required: boolean): Board {
  const present = names.filter((name) => required || board[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, readFact(name, board[name])]));
}

function readFact(name: FactName, value: unknown): unknown {
  const parsed = factSchemas[name].safeParse(value);
  if (!parsed.success) throw new TriageError('internal', `fact ${name}: ${z.prettifyError(parsed.error)}`);
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
  if (bytes > maxFactBytes) throw new TriageError('limit-exceeded', `fact ${name} has ${bytes} bytes, at most ${maxFactBytes} are allowed`);
  return parsed.data;
}

/** The names of `needs` that the board lacks. */
export function missingNeeds(step: Pick<Step, 'needs'>, board: Board): FactName[] {
  return step.needs.filter((name) => board[name] === undefined);
}

/** Makes a board of the facts in step records; a fact that does not parse is left out, as if its step had failed. */
export function boardOf(records: Iterable<Readonly<Record<string, unknown>>>): Board {
  const board: Record<string, unknown> = {};
  for (const facts of records) {
    for (const [name, value] of Object.entries(facts)) {
      if (!Object.hasOwn(factSchemas, name)) continue;
      const parsed = factSchemas[name as FactName].safeParse(value);
      if (parsed.success) board[name] = parsed.data;
    }
  }
  return board;
}
