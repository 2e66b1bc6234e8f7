import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { packageVersion } from '../store/package-root.js';

/** Gauges of the library whose names end in `_total`, which only those of counters may. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The metrics of this process, which its parts add theirs to. To be called once a process: some of it watches the process for good. */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const info = new Gauge({
    name: 'podtriage_build_info',
    help: 'Always 1; its label is the version.',
    labelNames: ['version'],
    registers: [registry],
  });
  info.set({ version: packageVersion() }, 1);
  return registry;
}
