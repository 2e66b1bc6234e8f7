import { z } from 'zod';
import { type Artifact, artifactId } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';

/** What most synthetic steps say of themselves. */
export const card = { permissions: [], timeoutMs: 30_000, attempts: 4 } as const;
/** No parameters. */
export const none = z.strictObject({});

/** An artifact of a file that this run alone has. */
export function fileArtifact(run: string, name: string, at: Date): Artifact {
  const size = 10;
  return {
    id: artifactId('file', `${run}/${name}`),
    kind: 'file',
    sha256: sha256Hex(`${run}/${name}`),
    size,
    content: 'text',
    name,
    method: 'node',
    known: false,
    acquiredAt: at.toISOString(),
  };
}
