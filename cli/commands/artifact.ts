import { createHash } from 'node:crypto';
import { TriageError } from '../../playbooks/domain/error.js';
import { madeWhole } from '../bag/partial.js';
import { saveFile } from '../bag/save.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { stoppable } from '../interrupt.js';
import type { Io } from '../io.js';

/** What of `podtriage artifact` is given as options. */
export interface ArtifactOptions {
  readonly to?: string;
  readonly plain?: boolean;
}

/** `podtriage artifact RUN SHA256|ID`: saves the content of one artifact, in an encrypted zip or as it is, once it is known to be whole. */
export async function artifact(io: Io, client: ApiClient, run: string, name: string, { to, plain = false }: ArtifactOptions): Promise<number> {
  return stoppable(io, async (signal) => {
    const target = to ?? (plain ? name : `${name}.zip`);
    const sha256 = await madeWhole(target, 'file', async (partial) => {
      const hash = createHash('sha256');
      await saveFile(partial, 0o400, hashed(client.artifact(run, name, plain, signal), hash));
      // Most commands do without the library of archives.
      const found = plain ? hash.digest('hex') : await (await import('../bag/zipped.js')).zippedSha256(partial);
      if (name.length === found.length && name !== found)
        throw new TriageError('digest-mismatch', 'the service has sent another file; it was not kept');
      return found;
    });
    io.out(`${target}\n`);
    io.err(`sha256 ${sha256}${plain ? '; it may be malware' : '; the password is "infected"'}\n`);
    return exitCodes.ok;
  });
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: { update(chunk: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}
