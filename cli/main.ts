#!/usr/bin/env node
import { CommanderError } from 'commander';
import { TriageError } from '../playbooks/domain/error.js';
import { packageVersion } from '../store/package-root.js';
import { exitCodes } from './exit-codes.js';
import { processIo, safeLines } from './io.js';
import { createProgram, type ServiceParts } from './program.js';

const io = processIo();

/** Loaded only when needed: workers bring the client libraries of clusters and nodes. */
async function serviceParts(): Promise<ServiceParts> {
  return import('./service.js');
}

function failed(error: unknown): number {
  // Commander has said what was wrong with the words of the command line.
  if (error instanceof CommanderError) return error.exitCode;
  const known = error instanceof TriageError;
  io.err(`podtriage: ${safeLines(known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
  return exitCodes.error;
}

const program = createProgram(io, packageVersion(), serviceParts, (code) => {
  process.exitCode = code;
});
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = failed(error);
}
