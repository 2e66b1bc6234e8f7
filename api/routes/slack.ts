import { Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import type { ApiDeps } from '../deps.js';
import { rawBodyOf } from '../intake/signed-body.js';
import { slackFormSchema } from '../intake/slack.js';
import { verifySlack } from '../intake/slack-signature.js';

/** `/intake/slack`: the slash command. Whatever comes of it is a 200, as Slack shows people nothing of other answers. */
export function slackRoutes({ slack: desk }: ApiDeps): Router {
  const router = Router();
  router.post('/api/v1/intake/slack', async (req, res) => {
    verifySlack(req, desk?.secret, new Date());
    if (desk === undefined) throw new TriageError('not-found', 'this installation takes no commands of Slack');
    res.json(await desk.answer(slackFormSchema.parse(req.body), rawBodyOf(req)));
  });
  return router;
}
