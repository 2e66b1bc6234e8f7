import { Router } from 'express';
import { reportJsonSchema } from '../../playbooks/report/schema.js';

/** `/schemas/report.json`: what the JSON form of a report is. It says nothing of any run. */
export function reportSchemaRoutes(): Router {
  const schema = reportJsonSchema();
  return Router().get('/schemas/report.json', (_req, res) => {
    res.json(schema);
  });
}
