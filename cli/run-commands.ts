import { type Command, InvalidArgumentError, Option } from 'commander';
import { runStates } from '../playbooks/domain/run.js';
import { verdictLevels } from '../playbooks/domain/verdict.js';

/** `podtriage runs`, without what it does. */
export function addRuns(program: Command): Command {
  return program
    .command('runs')
    .description('list runs, newest first: those that fit all that is asked for')
    .option('-n, --namespace <namespace>', 'of pods in this namespace')
    .option('--cluster <cluster>', 'of pods in this cluster')
    .option('--pod <pod>', 'of pods with this name')
    .option('--case <id>', 'of this case')
    .option('--batch <id>', 'of this batch')
    .addOption(new Option('--state <state>', 'that stand so').choices(runStates))
    .addOption(new Option('--verdict <verdict>', 'that were judged so').choices(verdictLevels))
    .option('--from <time>', 'created since then: 7d or 12h ago, or a time such as 2026-01-02T03:04:05Z', timeOf)
    .option('--to <time>', 'created until then', timeOf)
    .option('--limit <number>', 'how many', limitOf, 20)
    .option('--json', 'as JSON');
}

const hours: Readonly<Record<string, number>> = { d: 24, h: 1 };

/** ISO 8601 of a time, or of so many days or hours ago. */
function timeOf(text: string): string {
  const [, count = '', unit = ''] = /^(\d{1,5})([dh])$/.exec(text) ?? [];
  const ago = hours[unit];
  const time = ago === undefined ? Date.parse(text) : Date.now() - Number(count) * ago * 3_600_000;
  if (Number.isNaN(time)) throw new InvalidArgumentError('must be a number of days or hours, such as 7d, or a time, such as 2026-01-02T03:04:05Z');
  return new Date(time).toISOString();
}

function limitOf(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000) throw new InvalidArgumentError('must be a number from 1 to 1000');
  return value;
}
