import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Findings } from '../../playbooks/bag/findings.js';
import type { Verification } from '../../playbooks/bag/verification.js';
import { verifyBag } from '../../playbooks/bag/verify-bag.js';
import { verifyRegister, verifyRun, verifyVanished } from '../../playbooks/bag/verify-run.js';
import { registerChain } from '../../playbooks/domain/custody.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { openFolder } from '../../store/bag/folder-reader.js';
import { openZip } from '../../store/bag/zip-reader.js';
import { bagsIn } from '../bag/folder-of-bags.js';
import { type PinnedKeys, readPinnedKeys } from '../bag/pinned-keys.js';
import type { ApiClient } from '../client.js';
import { type Io, safeJson } from '../io.js';
import { verificationText } from '../ui/verification-text.js';

/** The exit status of `verify`: it holds, it is broken, or that cannot be said. */
export const verifyCodes = { holds: 0, broken: 1, 'not-checkable': 2 } as const;

/** What of `podtriage verify` is given as options. */
export interface VerifyOptions {
  readonly json?: boolean;
  /** Files with the keys to trust: JWK sets or PEM. */
  readonly key?: readonly string[];
}

/**
 * `podtriage verify PATH|RUN`: checks a bag, or each of a folder of bags, without any service; or the chain and the register entries of a run as
 * the service gives them, or with `register` the whole register.
 * @param connect gives the client; what it throws makes the chain not checkable
 */
export async function verify(io: Io, connect: () => Promise<ApiClient>, what: string, options: VerifyOptions): Promise<number> {
  const results = await found(connect, what, options.key ?? []).catch((error: unknown) => {
    if (!(error instanceof TriageError)) throw error;
    return [{ name: what, verification: uncheckable(error.message) }];
  });
  const [only] = results;
  if (options.json === true) {
    const json = results.map(({ name, verification }) => ({ name, ...verification }));
    io.out(`${safeJson(only?.name === what ? json[0] : { bags: json })}\n`);
  } else io.out(results.map(({ name, verification }) => verificationText(displayText(name), verification)).join('\n'));
  const states = results.map(({ verification }) => verification.state);
  return verifyCodes[states.find((state) => state === 'broken') ?? states.find((state) => state === 'not-checkable') ?? 'holds'];
}

interface Verified {
  readonly name: string;
  readonly verification: Verification;
}

async function found(connect: () => Promise<ApiClient>, what: string, keyFiles: readonly string[]): Promise<readonly Verified[]> {
  const pinned = await readPinnedKeys(keyFiles);
  // What the user names may be a link; nothing below it may.
  const place = await stat(what).catch(() => undefined);
  if (place === undefined) {
    if (what.includes('/')) throw new TriageError('not-found', `there is no ${what}`);
    return [{ name: what, verification: await ofService(await connect(), what, pinned) }];
  }
  const bags = place.isDirectory() ? await bagsIn(what) : undefined;
  if (bags === undefined) return [{ name: what, verification: await ofBag(what, place.isDirectory(), pinned) }];
  const results: Verified[] = [];
  for (const bag of bags) results.push({ name: join(what, bag), verification: await ofListed(join(what, bag), pinned) });
  return results;
}

/** A bag of a folder of bags. */
async function ofListed(path: string, pinned: PinnedKeys): Promise<Verification> {
  const place = await lstat(path).catch(() => undefined);
  if (place !== undefined && (place.isDirectory() || place.isFile())) return ofBag(path, place.isDirectory(), pinned);
  const findings = new Findings();
  findings.problem('structure', path, place === undefined ? 'is in the index, and is not there' : 'is neither a folder nor a file');
  return { ...uncheckable(''), state: 'broken', checks: findings.checks(), problems: findings.problems(), notes: [] };
}

async function ofBag(path: string, folder: boolean, pinned: PinnedKeys): Promise<Verification> {
  try {
    const bag = await (folder ? openFolder(path) : openZip(path));
    try {
      return await verifyBag(bag, pinned);
    } finally {
      await bag.close();
    }
  } catch (error) {
    if (!(error instanceof TriageError)) throw error;
    return uncheckable(error.message);
  }
}

async function ofService(client: ApiClient, run: string, pinned: PinnedKeys): Promise<Verification> {
  const keys = { given: await client.publicKeys(), ...pinned };
  if (run === registerChain) return verifyRegister(client.register(), () => client.runIds(), keys);
  if (await client.hasRun(run)) return unlessChanging(() => verifyRun(run, { chain: client.custody(run), register: client.register() }, keys));
  return verifyVanished(run, client.register(), keys);
}

/** A run that is sealed between the reading of its chain and of the register looks broken: what is broken is so a second time. */
async function unlessChanging(look: () => Promise<Verification>): Promise<Verification> {
  const found = await look();
  return found.state === 'broken' ? look() : found;
}

function uncheckable(message: string): Verification {
  return { state: 'not-checkable', checks: [], problems: [], coverage: {}, signers: [], pinned: false, notes: [message] };
}
