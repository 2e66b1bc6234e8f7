import type { Request } from 'express';
import { type Scope, scopes } from '../playbooks/domain/access.js';

/** As much of an operation of the contract as access goes by. */
interface Operation {
  readonly openApiRoute: string;
  readonly schema: { readonly security?: readonly Readonly<Record<string, readonly string[]>>[] };
}

/** The operation of the contract that a request is for, once the contract has been asked; undefined where there is none. */
function operationOf(req: Request): Operation | undefined {
  return (req as Request & { readonly openapi?: Operation }).openapi;
}

/** Its path in the contract, such as `/api/v1/runs/{run}`. */
export function routeOf(req: Request): string | undefined {
  return operationOf(req)?.openApiRoute;
}

/** Says whether the contract opens an operation to everybody: its `security` is there, and empty. */
export function isOpen(req: Request): boolean {
  return operationOf(req)?.schema.security?.length === 0;
}

/** What the caller of an operation must be allowed to do. One that does not say so is for admins. */
export function scopesNeeded(req: Request): readonly Scope[] {
  const named = operationOf(req)?.schema.security?.flatMap((scheme) => Object.values(scheme).flat()) ?? [];
  const known = scopes.filter((scope) => named.includes(scope));
  return known.length === 0 ? ['admin'] : known;
}
