import { type DestinationStream, type Logger, pino } from 'pino';

/** Where errors of HTTP clients keep what was sent, keys included; and headers, wherever they come from. */
const secretPaths = ['config', 'request', 'response', 'headers'].flatMap((field) => [`err.${field}`, `*.${field}`, `err.cause.${field}`, field]);

/** The log of a service: JSON lines on stdout. What could hold a secret is taken out of it, though nobody should have put it there. */
export function serviceLog(level: string, destination?: DestinationStream): Logger {
  return pino({ level, redact: { paths: ['authorization', '*.authorization', ...secretPaths], remove: true } }, destination);
}
