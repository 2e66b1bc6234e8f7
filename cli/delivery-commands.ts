import { type Command, InvalidArgumentError } from 'commander';
import type { ApiClient } from './client.js';
import { type DeliveriesOptions, listDeliveries, listEndpoints, resendDelivery } from './commands/deliveries.js';
import type { Io } from './io.js';

/** `podtriage deliveries` and `podtriage endpoints`: who is told what of runs and batches. */
export function addDeliveries(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  const deliveries = program
    .command('deliveries')
    .description('list what was told to endpoints, or could not be, newest first')
    .option('--dead', 'only those that nobody tries any more')
    .option('--run <run>', 'only those of this run')
    .option('--limit <number>', 'how many', rows, 20)
    .option('--json', 'as JSON')
    .action(async (options: DeliveriesOptions) => done(await listDeliveries(io, await connect(), options)));
  deliveries
    .command('resend')
    .description('send one again that has ended; needs a key with the scope admin')
    .argument('<delivery>')
    .action(async (id: string) => done(await resendDelivery(io, await connect(), id)));
  program
    .command('endpoints')
    .description('list where results can go: names for triage --notify')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => done(await listEndpoints(io, await connect(), options)));
}

function rows(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000) throw new InvalidArgumentError('must be a number from 1 to 1000');
  return value;
}
