import { type Request, Router } from 'express';
import { z } from 'zod';
import { inFolder } from '../../playbooks/bag/bag-file.js';
import { bagFolder } from '../../playbooks/bag/layout.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { openBag } from '../../store/bag/open-bag.js';
import { tarOf } from '../../store/bag/tar.js';
import { zipOf } from '../../store/bag/zip.js';
import { sendAttachment } from '../attachment.js';
import { callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { keySet } from '../key-set.js';
import { requireRun } from '../require-run.js';

const types = { zip: 'application/zip', tar: 'application/x-tar' } as const;
type Format = keyof typeof types;

const querySchema = z.object({ artifacts: z.enum(['encrypted', 'plain']).default('encrypted') });

/** `/runs/{run}/bag`: all evidence of a run that has ended, with its chain, as a BagIt bag. */
export function bagRoutes(deps: Pick<ApiDeps, 'runs' | 'bags' | 'evidence' | 'acts' | 'publicKeys'>): Router {
  const maker = { ...deps, source: deps.bags, keySet: async () => keySet(await deps.publicKeys()) };
  return Router().get('/api/v1/runs/:run/bag', async (req, res) => {
    const { id: run } = await requireRun(deps.runs, req);
    const { artifacts: form } = querySchema.parse(req.query);
    const format = formatOf(req);
    const at = new Date();
    const { actor: by, reach } = callerOf(req);
    const files = await openBag(maker, { run, form, by, reach, format, at });
    const folder = bagFolder(run);
    const bytes = (format === 'tar' ? tarOf : zipOf)(inFolder(folder, files), { at });
    await sendAttachment(res, { name: `${folder}.${format}`, type: types[format] }, bytes);
  });
}

function formatOf(req: Request<{ run: string }>): Format {
  const type = req.accepts([types.zip, types.tar]);
  if (type === false) throw new TriageError('invalid-request', 'ask for application/zip or application/x-tar');
  return type === types.tar ? 'tar' : 'zip';
}
