import { attemptIsOver, recordingScript } from './recording.js';

/**
 * Appends acts, optionally with records that must be new and under a fence: record and entry exist together, exactly once.
 * Without a step the acts are unfenced. Known are fields that exist already.
 */
export const append = recordingScript(`step ~= '' and ${attemptIsOver}`, "redis.call('HEXISTS', KEYS[4], field) == 1");
