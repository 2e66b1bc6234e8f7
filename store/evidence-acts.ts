import { type Reach, reaches } from '../playbooks/domain/access.js';
import { registerChain } from '../playbooks/domain/custody.js';
import { TriageError } from '../playbooks/domain/error.js';
import type { CustodyWriter } from './custody.js';
import type { RedisRunReader } from './run-reader.js';
import type { SignedRuns } from './signed-run.js';

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
  /**
   * To be called before any byte is given away: what is not recorded is not read.
   * @param reach of who reads, held to the pod that is signed; default everywhere. Throws `custody-broken` where Redis says that the pod is another one
   */
  read(run: string, by: string, read: EvidenceRead, reach?: Reach): Promise<void>;
  /** Signs the chain, the register and the other contents of a bag. */
  seal(run: string, by: string, contents: string): Promise<ExportSeal>;
}

/** Puts them into the run's chain. */
export class RedisEvidenceActs implements EvidenceActs {
  constructor(
    private readonly custody: CustodyWriter,
    private readonly reader: RedisRunReader,
    /** Without it, only who reaches everything may read. */
    private readonly signed?: Pick<SignedRuns, 'info'>,
  ) {}

  async read(run: string, by: string, read: EvidenceRead, reach: Reach = 'all'): Promise<void> {
    if (reach !== 'all') await this.assertSigned(run, reach);
    await this.custody.note(run, [{ act: 'evidence.read', subject: run, detail: { ...read } }], by);
  }

  /** Who can write to Redis can say of any run that it is about a pod which he reaches. */
  private async assertSigned(run: string, reach: Reach): Promise<void> {
    const target = (await this.signed?.info(run))?.request.target;
    if (target === undefined || !reaches(reach, target))
      throw new TriageError('custody-broken', `what Redis says of the pod of run ${run} is not what was signed; its evidence is not given away`);
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
