import type { Request } from 'express';
import { type Reach, reaches, type Scope } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';

/** Who asks: told by the credential alone. */
export interface Caller {
  /** As custody names him: `key:<id>`, `oidc:<subject>`, `slack:<team>:<user>`, `intake:<name>`. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
  readonly reach: Reach;
}

const callers = new WeakMap<Request, Caller>();

/** Keeps who asks; to be called once the credential has been checked. */
export function setCaller(req: Request, caller: Caller): void {
  callers.set(req, caller);
}

/** Who asks. Throws `unauthorized` on a path that is open. */
export function callerOf(req: Request): Caller {
  const caller = callers.get(req);
  if (caller === undefined) throw new TriageError('unauthorized', 'an API key is needed');
  return caller;
}

/** Who asks, as custody names him. Throws `unauthorized` on a path that is open. */
export function actorOf(req: Request): string {
  return callerOf(req).actor;
}

/** Throws `forbidden` when the caller may not act on a pod of this namespace. For what he wants to read it is a `not-found`: see `requireRun`. */
export function assertReach(req: Request, target: { readonly cluster: string; readonly namespace: string }): void {
  if (reaches(callerOf(req).reach, target)) return;
  throw new TriageError('forbidden', `the credential does not reach namespace ${target.namespace} of cluster "${target.cluster}"`);
}
