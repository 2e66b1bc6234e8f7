import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { alertCounter, registerServiceState } from '../../../api/metrics.js';
import { processMetrics } from '../../../cli/process-metrics.js';
import { packageRoot } from '../../../store/package-root.js';
import { runnerMetrics } from '../../../workers/metrics.js';

const text = readFileSync(join(packageRoot(), 'docs/operations.md'), 'utf8');

interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** The rows of the table of metrics. */
function described(): Described[] {
  const rows = text.matchAll(/^\| `(podtriage_\w+)` \| (\w+) \|\s*([^|]*?)\s*\| (?:API|workers|both) \|/gm);
  return [...rows].map(([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
  }));
}

/** What the code registers. */
async function registered(): Promise<Described[]> {
  const registry = new Registry();
  registerServiceState(registry, () => Promise.reject(new Error('nobody there')));
  runnerMetrics(registry);
  alertCounter(registry);
  const all = [...registry.getMetricsAsArray(), processMetrics().getSingleMetric('podtriage_build_info')!];
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  return all.map((metric) => {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: readonly string[] };
    return { name, type: types.get(name) ?? 'gauge', labels: labelNames.filter((label) => label !== 'le') };
  });
}

it('the table of metrics has those of the code, with their types and labels, no more and no less', async () => {
  const byName = (a: Described, b: Described) => a.name.localeCompare(b.name);
  expect(described().sort(byName)).toEqual((await registered()).sort(byName));
});

it('alerts are about metrics that there are', () => {
  const names = new Set(described().map(({ name }) => name));
  const used = [...text.slice(text.indexOf('## Alerts')).matchAll(/podtriage_\w+/g)].map(([name]) => name.replace(/_(count|sum|bucket)$/, ''));
  for (const name of used) expect(names).toContain(name);
});
