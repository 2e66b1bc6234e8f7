import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { asTriageError } from '../domain/error.js';
import { parseJson } from '../domain/json.js';
import { ChainFacts } from './chain-facts.js';
import { ChainWalk } from './chain-walk.js';
import type { Findings } from './findings.js';
import type { TextLine } from './text-lines.js';

/** A chain that was walked to its end. */
export interface WalkedChain {
  readonly walk: ChainWalk;
  readonly facts: ChainFacts;
  /** As its first entry says; undefined where not even that can be read. */
  readonly run: string | undefined;
}

/** Where a chain is read from. */
export interface ChainLines {
  readonly lines: AsyncIterable<TextLine>;
  /** What it is called in what is found. */
  readonly file: string;
  /** Whose chain it must be; as its first entry says where that is not known. */
  readonly run?: string;
}

const ofRun = z.object({ run: z.string().min(1).max(200) });

/** Walks a chain and gathers what its signed entries say. A chain of a run begins with its request. */
export async function checkChain(chain: ChainLines, keys: ReadonlyMap<string, KeyObject>, findings: Findings): Promise<WalkedChain> {
  const { lines, file } = chain;
  const facts = new ChainFacts();
  let run = chain.run;
  let walk = new ChainWalk(run ?? '', keys, findings, file);
  try {
    for await (const line of lines) {
      if (run === undefined) {
        run = ofRun.safeParse(parseJson(line.text)).data?.run;
        walk = new ChainWalk(run ?? '', keys, findings, file);
      }
      const entry = walk.add(line);
      if (entry !== undefined) facts.add(entry);
    }
  } catch (error) {
    findings.problem('chain', { file, seq: walk.entries }, asTriageError(error).message);
  }
  if (walk.entries === 0) findings.problem('chain', file, 'has no entries');
  return { walk, facts, run };
}

/** A run's chain begins with the request, from which all else follows. */
export function checkRequest({ facts }: WalkedChain, file: string, findings: Findings): void {
  if (facts.first !== undefined && facts.first.act !== 'run.requested')
    findings.problem('chain', { file, seq: 0 }, `is ${facts.first.act} and not the request of the run`);
}
