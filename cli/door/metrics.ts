import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import type { Metrics } from '../../api/deps.js';
import { registerServiceState } from '../../api/metrics.js';
import type { Keys } from '../../store/keys.js';
import { serviceState } from '../../store/service-state.js';
import type { ServiceConfig } from '../config.js';

/** The metrics of this process, and of what Redis knows of the installation. */
export function openMetrics({ api, cluster }: ServiceConfig, registry: Registry, redis: Redis, keys: Keys): Metrics {
  registerServiceState(registry, () => serviceState(redis, keys, [cluster.name]));
  return { open: api.metrics === 'open', page: async () => ({ type: registry.contentType, text: await registry.metrics() }) };
}
