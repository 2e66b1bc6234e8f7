import { type Request, Router } from 'express';
import { z } from 'zod';
import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { zipPassword } from '../../playbooks/bag/layout.js';
import { Tally } from '../../playbooks/bag/tally.js';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { BagSource } from '../../store/bag/source.js';
import { zipOf } from '../../store/bag/zip.js';
import { sendAttachment } from '../attachment.js';
import type { ApiDeps } from '../deps.js';
import { openForCaller } from '../given-away.js';
import { requireEvidence } from '../require-evidence.js';

const querySchema = z.object({ plain: z.union([z.boolean(), z.stringbool()]).default(false) });

/** `/runs/{run}/artifacts/{artifact}/content`: one artifact, in an encrypted zip so that nothing on its way eats or runs it, or as it is. */
export function artifactContentRoutes({ runs, bags, evidence, acts }: Pick<ApiDeps, 'runs' | 'bags' | 'evidence' | 'acts'>): Router {
  return Router().get('/api/v1/runs/:run/artifacts/:artifact/content', async (req, res) => {
    const { id } = await requireEvidence(runs, req);
    const { plain } = querySchema.parse(req.query);
    const artifact = await keptArtifact(bags, id, req.params.artifact);
    const file = await open({ evidence, acts }, req, artifact, plain ? 'plain' : 'zip');
    const { sha256 } = artifact;
    if (plain) await sendAttachment(res, { name: sha256, type: 'application/octet-stream' }, each(file));
    else await sendAttachment(res, { name: `${sha256}.zip`, type: 'application/zip' }, zipOf(only(file), { at: new Date(), password: zipPassword }));
  });
}

/** The artifact with this id or sha256. Throws `not-found` that says why its content is not to be had. */
async function keptArtifact(bags: BagSource, run: string, name: string): Promise<Artifact> {
  let left: Artifact | undefined;
  for await (const { artifact } of bags.artifacts(run)) {
    if (artifact.id !== name && artifact.sha256 !== name) continue;
    if (artifact.left === true) left = artifact;
    else return artifact;
  }
  if (left === undefined) throw new TriageError('not-found', `run ${run} has no artifact with this id or sha256`);
  throw new TriageError(
    'not-found',
    `the content of artifact ${left.id} was left on the node, as the run's limits have it; its hash was taken there`,
  );
}

async function open(store: Pick<ApiDeps, 'evidence' | 'acts'>, req: Request<{ run: string }>, artifact: Artifact, format: string): Promise<BagFile> {
  const { sha256, size } = artifact;
  const bytes = await openForCaller(store, req, { what: 'artifact', sha256, format });
  return new Tally().through({ path: sha256, size, bytes }, sha256);
}

// eslint-disable-next-line @typescript-eslint/require-await -- an archive takes its files one after the other
async function* only(file: BagFile): AsyncGenerator<BagFile> {
  yield file;
}

async function* each({ bytes }: BagFile): AsyncGenerator<Uint8Array> {
  yield* bytes;
}
