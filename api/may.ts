import type { Request } from 'express';
import { actorOf } from './auth.js';

/** What needs more than a key that may read and start runs. */
export type Right = 'evidence:hold' | 'evidence:destroy';

/** Who asks, if he may do it, as custody names him. Keys have no scopes yet: whoever holds one may. Here is where they will be asked. */
export function actorWho(_may: Right, req: Request): string {
  return actorOf(req);
}
