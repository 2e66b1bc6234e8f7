import { type Command, Option } from 'commander';
import { maxBatchPods } from '../playbooks/domain/batch.js';
import type { ApiClient } from './client.js';
import { type BatchOptions, batch } from './commands/batch.js';
import { batchWishes, type FleetFormat, fleetFormats, listBatches, printFleet, showBatch, tellBatch } from './commands/batches.js';
import type { Io } from './io.js';
import { collected, whole } from './option-values.js';

const meaning = {
  pause: 'open no more runs; those that are open go on',
  resume: 'go on with a batch that was paused',
  cancel: 'open no more runs and stop those that are open',
  retry: 'open new runs for the pods whose runs have failed, were cancelled or cut short',
} as const;

/** `podtriage batch` and `podtriage batches`. */
export function addBatches(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  program
    .command('batches')
    .description('list batches, newest first')
    .option('--limit <number>', 'how many', whole(1_000), 20)
    .option('--json', 'as JSON')
    .action(async (options: { limit: number; json?: boolean }) => done(await listBatches(io, await connect(), options)));
  const command = addBatch(program).action(async (options: BatchOptions) => done(await batch(io, await connect(), options)));
  command
    .command('show')
    .description('show where a batch and each of its pods stand')
    .argument('<batch>')
    .action(async (id: string) => done(await showBatch(io, await connect(), id, command.opts<{ json?: boolean }>())));
  for (const wish of batchWishes)
    command
      .command(wish)
      .description(meaning[wish])
      .argument('<batch>')
      .action(async (id: string) => done(await tellBatch(io, await connect(), id, wish)));
  command
    .command('report')
    .description('print the fleet view of a batch: outliers first')
    .argument('<batch>')
    .addOption(new Option('--format <format>').choices(fleetFormats).default('terminal'))
    .action(async (id: string, { format }: { format: FleetFormat }) => done(await printFleet(io, await connect(), id, format)));
}

function addBatch(program: Command): Command {
  return program
    .command('batch')
    .description(
      'triage many pods, and show what only few of them have: exit status 0 no findings, 2 suspicious or malicious, 3 inconclusive or not all looked at, 1 error',
    )
    .option('-n, --namespace <namespace>', 'pods of this namespace')
    .option('-l, --selector <selector>', 'pods with these labels, as kubectl takes it')
    .option('--node <node>', 'pods of this node')
    .option('--image <image>', 'pods that run this image: a reference as they have it, or a digest')
    .option('--owner <kind/name>', 'pods of this owner, such as Deployment/web')
    .option('--pod <namespace/pod>', 'this pod; may be given several times', collected)
    .option('--all', 'all pods of the cluster')
    .option('--cluster <cluster>', 'cluster of the pods')
    .option('--playbook <playbook>', 'see: podtriage playbooks')
    .option('--case <id>', 'id of the case, for the reports and custody')
    .option('--reason <text>', 'why, for the reports and custody')
    .option('--notify <endpoint>', 'an endpoint that is told when it has ended; may be given several times', collected)
    .option('--dry-run', 'say what it would do, and do nothing')
    .option('--max-pods <number>', 'refuse more pods than this', whole(maxBatchPods))
    .option('--total <number>', 'runs at a time', whole(256))
    .option('--per-node <number>', 'runs at a time on one node', whole(64))
    .option('--detach', 'print the id of the batch and leave')
    .option('--json', 'print the report as JSON');
}
