import { Router } from 'express';
import { TriageError } from '../../playbooks/domain/error.js';
import type { ApiDeps } from '../deps.js';

/** `/playbooks` and `/playbooks/{playbook}`. */
export function playbookRoutes({ playbooks }: Pick<ApiDeps, 'playbooks'>): Router {
  return Router()
    .get('/api/v1/playbooks', (_req, res) => {
      const cards = playbooks.map(({ name, title, summary, steps }) => ({ name, title, summary, steps: steps.map((step) => step.name) }));
      res.json({ playbooks: cards });
    })
    .get('/api/v1/playbooks/:playbook', (req, res) => {
      const found = playbooks.find(({ name }) => name === req.params.playbook);
      if (found === undefined) throw new TriageError('not-found', `there is no playbook "${req.params.playbook}"; GET /api/v1/playbooks lists them`);
      res.json(found);
    });
}
