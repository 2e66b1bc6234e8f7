import { pipeline, type Readable, Transform } from 'node:stream';
import { containerTarArgv } from '../../playbooks/acquisition/taking/container-tar.js';
import type { DetailOf } from '../../playbooks/domain/custody-details.js';
import { asTriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { InContainerPort } from '../../playbooks/ports.js';
import { type Call, elapsed, type Footprints } from './footprints.js';
import { podDetail } from './recorded-cluster.js';

type Outcome = Omit<DetailOf<'command.finished'>, keyof Call | 'name' | 'durationMs'>;

/** Puts each command that runs inside a container into custody: before it starts, and when its output has ended. */
export function recordedInContainer(inContainer: InContainerPort, footprints: Footprints, onLost: (error: unknown) => void): InContainerPort {
  return {
    async archive(ref, container, path, maxBytes, signal) {
      const subject = `${ref.namespace}/${ref.pod}/${container}`;
      const name = 'in-container-tar';
      const detail = { name, ...podDetail(ref), container, argv: containerTarArgv(displayText(path)), privileged: false };
      const call = await footprints.begin((ids) => ({ act: 'command.started', subject, detail: { ...ids, ...detail } }));
      const since = elapsed();
      const end = (outcome: Outcome): Promise<void> =>
        footprints.end({ act: 'command.finished', subject, detail: { ...call, name, ...outcome, durationMs: since() } });
      try {
        return watched(await inContainer.archive(ref, container, path, maxBytes, signal), end, onLost);
      } catch (error) {
        await end({ error: asTriageError(error).code });
        throw error;
      }
    },
  };
}

/** Passes the output on, and has its end in custody before the reader sees it: once, though the reader may go after that. */
function watched(source: Readable, end: (outcome: Outcome) => Promise<void>, onLost: (error: unknown) => void): Readable {
  let bytes = 0;
  let ended = false;
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      ended = true;
      end({ exitCode: 0, stdoutBytes: bytes }).then(() => done(), done);
    },
  });
  pipeline(source, through, (error) => {
    if (error == null) return;
    if (ended) onLost(error);
    else end({ error: asTriageError(error).code, stdoutBytes: bytes }).catch(onLost);
  });
  return through;
}
