import type { ReportFiles } from '../../playbooks/domain/amendment.js';
import type { RunRequest } from '../../playbooks/domain/request.js';
import type { EvidencePort } from '../../playbooks/ports.js';
import type { ExportSeal } from '../evidence-acts.js';
import type { BagSource } from './source.js';

/** How artifacts are in a bag: in an AES-256 zip, or as files. */
export type BagForm = 'encrypted' | 'plain';

/** A version of a run's report. */
export interface ReportVersion {
  readonly version: number;
  readonly files: ReportFiles;
}

/** All that the bag of one run is made of. */
export interface BagMaterial {
  readonly run: string;
  readonly request: RunRequest;
  /** Oldest first; empty where no report could be written. */
  readonly reports: readonly ReportVersion[];
  /** Entries of the chain before all of this was read. */
  readonly entries: number;
  /** Whether the run's evidence was destroyed: its artifacts and reports are then left out, though other runs may still have the bytes. */
  readonly destroyed: boolean;
  readonly source: BagSource;
  readonly evidence: EvidencePort;
  /** The JWK set of the keys that custody is signed with. */
  readonly keySet: object;
  /** Signs the contents, see `contentsOf`. */
  seal(contents: string): Promise<ExportSeal>;
  readonly at: Date;
}
