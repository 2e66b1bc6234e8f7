import { Router } from 'express';
import { mayDo } from '../../playbooks/domain/access.js';
import { callerOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { meet } from '../endpoints.js';

/** `/endpoints`: where results can go, as far as the caller reaches; addresses are for admins only. */
export function endpointRoutes({ endpoints }: Pick<ApiDeps, 'endpoints'>): Router {
  return Router().get('/api/v1/endpoints', (req, res) => {
    const { reach, scopes } = callerOf(req);
    const isAdmin = mayDo(scopes, 'admin');
    const near = endpoints.filter((endpoint) => meet(endpoint.reach, reach));
    res.json({
      endpoints: near.map((endpoint) => ({
        name: endpoint.name,
        kind: endpoint.kind,
        milestones: endpoint.milestones,
        ...(isAdmin && endpoint.kind === 'webhook' ? { url: endpoint.url } : {}),
      })),
    });
  });
}
