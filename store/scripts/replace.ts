import { attemptIsOver, recordingScript } from './recording.js';

/**
 * Puts newer records in the place of older ones, under a fence: record and entry exist together. One that stands already is left out:
 * known are fields that have their value.
 */
export const replace = recordingScript(attemptIsOver, "redis.call('HGET', KEYS[4], field) == value");
