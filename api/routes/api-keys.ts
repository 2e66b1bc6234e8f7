import { Router } from 'express';
import { z } from 'zod';
import { credentialNameSchema, reachSchema, scopes } from '../../playbooks/domain/access.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { actorOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';

const end = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const createSchema = z.strictObject({
  name: credentialNameSchema.transform(displayText),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).readonly(),
  reach: reachSchema.default('all'),
  expiresAt: end.optional(),
});

/** How long an old secret counts beside the new one unless it is said, and at most, in seconds. */
const graceSeconds = 24 * 3_600;
const maxGraceSeconds = 30 * 24 * 3_600;

const rotateSchema = z.strictObject({
  graceSeconds: z.int().min(0).max(maxGraceSeconds).default(graceSeconds),
  expiresAt: end.optional(),
});

/** `/keys`: API keys, for admins. What is done with them is in the register. A secret is in the answer that makes it, and nowhere else. */
export function apiKeyRoutes({ access: { ring } }: Pick<ApiDeps, 'access'>): Router {
  const router = Router();
  router.get('/api/v1/keys', async (_req, res) => {
    res.json({ keys: await ring.list() });
  });
  router.post('/api/v1/keys', async (req, res) => {
    const { name, scopes: held, reach, expiresAt } = createSchema.parse(req.body);
    const made = await ring.create({ name, scopes: held, reach, ...(expiresAt === undefined ? {} : { expiresAt }) }, actorOf(req));
    req.log.info({ key: made.id, scopes: made.scopes, reach: made.reach, by: actorOf(req) }, 'an API key was made');
    res.status(201).set('Cache-Control', 'no-store').location(`/api/v1/keys/${made.id}`).json(made);
  });
  router.post('/api/v1/keys/:key/rotate', async (req, res) => {
    const { graceSeconds: grace, expiresAt } = rotateSchema.parse(req.body);
    const how = { graceSeconds: grace, ...(expiresAt === undefined ? {} : { expiresAt }) };
    const made = await ring.rotate(req.params.key, how, actorOf(req));
    req.log.info({ key: made.id, oldUntil: made.rotated?.oldUntil, by: actorOf(req) }, 'an API key has a new secret');
    res.set('Cache-Control', 'no-store').json(made);
  });
  router.delete('/api/v1/keys/:key', async (req, res) => {
    await ring.revoke(req.params.key, actorOf(req));
    req.log.info({ key: req.params.key, by: actorOf(req) }, 'an API key was revoked');
    res.status(204).end();
  });
  return router;
}
