import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../store/package-root.js';

const serviceSchema = z.object({
  command: z.array(z.string()),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  user: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  healthcheck: z.object({ test: z.array(z.string()) }),
});

const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional(), driver_opts: z.record(z.string(), z.string()).optional() })),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

/** docker-compose.yml, comments and all. */
export function composeText(): string {
  return readFileSync(join(packageRoot(), 'docker-compose.yml'), 'utf8');
}

/** docker-compose.yml as written, anchors and merges resolved. */
export function composeFile(): unknown {
  return parse(composeText(), { merge: true });
}

/** The same, as far as tests look at it. */
export function compose(): z.output<typeof composeSchema> {
  return composeSchema.parse(composeFile());
}

/** A text of the file as Compose hands it on: `$$` is a dollar sign. */
export function interpolated(text: string): string {
  return text.replaceAll('$$', '$');
}
