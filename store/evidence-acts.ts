import { registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { CustodyWriter } from './custody.js';
import type { RedisRunReader } from './run-reader.js';

/** What of a run's evidence somebody reads. */
export interface EvidenceRead {
  readonly what: 'artifact' | 'bag' | 'listing' | 'report' | 'summary';
  /** Of the bytes that are given, where they are one file of the evidence store. */
  readonly sha256?: string;
  /** How they are given, such as `html` or `zip`. */
  readonly format?: string;
}

/** What an export seals its bag with. */
export interface ExportSeal {
  /** The checkpoint; it stands in the last of the entries, too. */
  readonly jws: string;
  /** Entries of the chain up to and with that of this checkpoint: the chain that goes into the bag. */
  readonly entries: number;
}

/** Puts into custody what is done with evidence by those who only read. Methods throw `not-found` and `redis-unavailable`. */
export interface EvidenceActs {
  /** To be called before any byte is given away: what is not recorded is not read. */
  read(run: string, by: string, read: EvidenceRead): Promise<void>;
  /** Signs the chain, the register and the other contents of a bag. */
  seal(run: string, by: string, contents: string): Promise<ExportSeal>;
}

/** Puts them into the run's chain. */
export class RedisEvidenceActs implements EvidenceActs {
  constructor(
    private readonly custody: CustodyWriter,
    private readonly reader: RedisRunReader,
  ) {}

  read(run: string, by: string, read: EvidenceRead): Promise<void> {
    return this.custody.note(run, [{ act: 'evidence.read', subject: run, detail: { ...read } }], by);
  }

  async seal(run: string, by: string, contents: string): Promise<ExportSeal> {
    const register = await this.reader.chainHead(registerChain);
    const { seq, hash } = { seq: register.entries - 1, hash: register.head };
    if (seq < 0) throw new TriageError('custody-broken', 'the register of runs is empty although there are runs: it has been removed from Redis');
    const seal = { jws: '', entries: 0 };
    const checkpoint = this.custody.checkpoint(run, { register: { seq, hash }, contents }, ({ jws, head }) => {
      // Of several tries the last one stands.
      seal.jws = jws;
      seal.entries = head.seq + 1;
    });
    await this.custody.note(run, [checkpoint], by);
    return seal;
  }
}
