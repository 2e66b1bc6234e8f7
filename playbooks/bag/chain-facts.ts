import { z } from 'zod';
import { reportFilesSchema } from '../domain/amendment.js';
import { sha256Schema } from '../domain/artifact.js';
import type { CustodyEntry } from '../domain/custody.js';

/** The entry that signs a record. */
export interface SignedRecord {
  readonly seq: number;
  readonly act: CustodyEntry['act'];
  /** sha256 of the record's exact text. */
  readonly digest: string;
}

/** A version of a report, as the entry that tells of it has it. */
export interface WrittenReport {
  readonly seq: number;
  readonly version: number;
  readonly files: z.output<typeof reportFilesSchema>;
}

/** A `run.checkpoint`, with the entry that it stands on. */
export interface CheckpointEntry {
  readonly seq: number;
  readonly prev: string;
  readonly at: string;
  readonly jws: string | undefined;
  readonly names: { readonly seq: unknown; readonly hash: unknown };
}

const recordSchema = z.object({ record: sha256Schema });
const writtenSchema = reportFilesSchema.extend({ version: z.int().positive() });
const amendedSchema = z.object({ version: z.int().positive(), record: sha256Schema });

/** What the signed entries of a run say of everything else in its bag. Entries are given in order; the last of several says what counts. */
export class ChainFacts {
  first: CustodyEntry | undefined;
  last: CustodyEntry | undefined;
  /** By step, artifact id, hash, and version of the report. */
  readonly steps = new Map<string, SignedRecord>();
  readonly artifacts = new Map<string, SignedRecord>();
  readonly lookups = new Map<string, SignedRecord>();
  readonly amendments = new Map<number, SignedRecord>();
  readonly reports: WrittenReport[] = [];
  readonly checkpoints: CheckpointEntry[] = [];
  /** Entries that say that evidence was destroyed. */
  readonly destroyed: CustodyEntry[] = [];

  add(entry: CustodyEntry): void {
    if (entry.seq === 0) this.first ??= entry;
    this.last = entry;
    switch (entry.act) {
      case 'step.finished':
      case 'step.failed':
      case 'step.skipped':
        this.#record(this.steps, entry);
        break;
      case 'artifact.stored':
      case 'artifact.known':
      case 'artifact.left':
        this.#record(this.artifacts, entry);
        break;
      case 'lookup.answered':
        this.#record(this.lookups, entry);
        break;
      case 'evidence.destroyed':
        this.destroyed.push(entry);
        break;
      case 'report.written':
      case 'run.amended':
      case 'run.checkpoint':
        this.#version(entry);
        break;
      default:
        break;
    }
  }

  #record(records: Map<string, SignedRecord>, { seq, act, subject, detail }: CustodyEntry): void {
    const { data } = recordSchema.safeParse(detail);
    if (subject !== undefined && data !== undefined) records.set(subject, { seq, act, digest: data.record });
  }

  #version({ seq, act, prev, at, detail }: CustodyEntry): void {
    if (act === 'run.checkpoint') {
      const jws = typeof detail['jws'] === 'string' ? detail['jws'] : undefined;
      this.checkpoints.push({ seq, prev, at, jws, names: { seq: detail['seq'], hash: detail['hash'] } });
      return;
    }
    const amended = act === 'run.amended' ? amendedSchema.safeParse(detail).data : undefined;
    if (amended !== undefined) this.amendments.set(amended.version, { seq, act, digest: amended.record });
    const written = act === 'report.written' ? writtenSchema.safeParse(detail).data : undefined;
    if (written === undefined) return;
    const { version, ...files } = written;
    this.reports.push({ seq, version, files });
  }
}
