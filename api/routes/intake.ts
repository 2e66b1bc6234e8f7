import { type Request, Router } from 'express';
import { type Reach, reaches } from '../../playbooks/domain/access.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { LeftAlerts } from '../../store/triggers.js';
import { callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { alertmanagerIntake } from '../intake/alertmanager.js';
import { falcoIntake } from '../intake/falco.js';
import { genericIntake } from '../intake/generic.js';
import type { Hearing } from '../intake/intake.js';
import type { IntakeDeps } from '../intake/intake-deps.js';
import { verifyWebhook } from '../intake/signed-body.js';
import { nextOf, pageOf } from '../page.js';

/** `/intake/...`: alerts of other tools. Who sends them retries what is a 5xx, so that is only what will pass. */
export function intakeRoutes({ intake, clusters }: ApiDeps): Router {
  const router = Router();
  const hearing = ({ config }: IntakeDeps): Hearing => ({ cluster: config.cluster ?? clusters[0] ?? 'default', now: new Date() });
  router.post('/api/v1/intake/falco', async (req, res) => {
    const configured = required(intake);
    const heard = falcoIntake(configured.config.falco)(req.body, hearing(configured));
    res.status(202).json({ alerts: await configured.desk.takeAll(heard, callerOf(req)) });
  });
  router.post('/api/v1/intake/alertmanager', async (req, res) => {
    const configured = required(intake);
    const heard = alertmanagerIntake(configured.config.alertmanager)(req.body, hearing(configured));
    res.status(202).json({ alerts: await configured.desk.takeAll(heard, callerOf(req)) });
  });
  router.post('/api/v1/intake/generic/:name', async (req: Request<{ name: string }>, res) => {
    const { name } = req.params;
    const id = verifyWebhook(req, intake?.secrets.get(name) ?? []);
    const configured = required(intake);
    const source = configured.config.generic.find((each) => each.name === name);
    if (source === undefined) throw new TriageError('not-found', `there is no intake "${name}"`);
    const heard = genericIntake(source, id)(req.body, hearing(configured));
    const outcomes = await configured.desk.takeAll(heard, { actor: `intake:${name}`, reach: source.reach, once: true });
    res.status(202).json({ alerts: outcomes });
  });
  router.get('/api/v1/intake/left', async (req, res) => {
    const page = pageOf(req);
    const all = (await required(intake).left()).flatMap((each) => leftBody(each, callerOf(req).reach));
    res.json({ left: all.slice(page.from, page.from + page.limit), count: all.length, ...nextOf(page, all.length) });
  });
  return router;
}

function required(intake: IntakeDeps | undefined): IntakeDeps {
  if (intake !== undefined) return intake;
  throw new TriageError('not-found', 'this installation has no intakes: PODTRIAGE_INTAKES names the YAML file that says which alerts start what');
}

function leftBody({ subject, ...counted }: LeftAlerts, reach: Reach): object[] {
  const [cluster = '', second = '', pod] = subject.split('/');
  // Of a container nobody knows the namespace.
  if (pod === undefined) return reaches(reach, { cluster, namespace: '*' }) ? [{ cluster, containerId: second, ...counted }] : [];
  return reaches(reach, { cluster, namespace: second }) ? [{ cluster, namespace: second, pod, ...counted }] : [];
}
