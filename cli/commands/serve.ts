import { evidenceText } from '../../store/evidence/open.js';
import { readConfig, type ServiceConfig, type ServiceRole } from '../config.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';

/** API, workers and, without REDIS_URL, Redis: all of podtriage in this process, or a part of it. */
export interface Service {
  /** Resolves when requests and jobs are taken. There is no url where the API is another process. */
  start(): Promise<{ readonly url?: string }>;
  /** Hands the jobs back and ends all connections; no job loses an attempt. */
  stop(): Promise<void>;
}

/** Composes the service; nothing runs yet. */
export type CreateService = (config: ServiceConfig, only?: ServiceRole) => Promise<Service>;

/** How long the service may take to stop, in milliseconds. */
const stopWithinMs = 30_000;

/** `podtriage serve`: runs until SIGINT or SIGTERM; a second signal ends it at once. */
export async function serve(io: Io, create: CreateService, only?: ServiceRole): Promise<number> {
  const config = await readConfig(io.env, only);
  const stopAsked = untilStopped(io);
  const service = await create(config, only);
  try {
    const { url } = await service.start();
    const door = url === undefined ? 'podtriage works; the API is elsewhere' : `podtriage listens at ${url}\nAPI key: ${config.data.apiKeyFile}`;
    io.err(`${door}\nevidence: ${evidenceText(config.evidence)}\n`);
    await stopAsked;
    io.err('stopping; a second signal ends at once\n');
    return exitCodes.ok;
  } finally {
    await stopInTime(io, service);
  }
}

async function untilStopped(io: Io): Promise<void> {
  let signals = 0;
  await new Promise<void>((resolve) => {
    io.onStop(() => {
      signals += 1;
      resolve();
      if (signals > 1) io.exit(exitCodes.interrupted);
    });
  });
}

async function stopInTime(io: Io, service: Service): Promise<void> {
  const timer = setTimeout(() => {
    io.err(`not stopped within ${stopWithinMs / 1_000} s; what was under way will be taken up again at the next start\n`);
    io.exit(exitCodes.error);
  }, stopWithinMs);
  await service.stop();
  clearTimeout(timer);
}
