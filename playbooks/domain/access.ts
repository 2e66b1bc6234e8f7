import { z } from 'zod';

/**
 * What a credential may do. `runs:read`: all that is said of runs, their reports and listings. `runs:write`: start and cancel runs and batches,
 * ask about hashes, send alerts. `evidence:read`: the acquired bytes, alone or in a bag. `admin`: all of it, and holding and destroying evidence,
 * keys, and what was not delivered.
 */
export const scopes = ['runs:read', 'runs:write', 'evidence:read', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Says whether somebody with these scopes may do what asks for `needed`. */
export function mayDo(held: readonly Scope[], needed: Scope): boolean {
  return held.includes('admin') || held.includes(needed);
}

const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"');

/** One place that a credential reaches: a namespace of a cluster, or with `*` all of them. */
export const placeSchema = z.strictObject({ cluster: name, namespace: z.union([name, z.literal('*')]) });
export type Place = z.output<typeof placeSchema>;

/** Where a credential may look and act: everywhere, or in these places only. */
export const reachSchema = z.union([z.literal('all'), z.array(placeSchema).min(1).max(100)]);
export type Reach = z.output<typeof reachSchema>;

/** Says whether a reach has a pod of this namespace in it. */
export function reaches(reach: Reach, { cluster, namespace }: { readonly cluster: string; readonly namespace: string }): boolean {
  return reach === 'all' || reach.some((place) => place.cluster === cluster && (place.namespace === '*' || place.namespace === namespace));
}

/** A name that people give to a credential, to know it by. */
export const credentialNameSchema = z.string().trim().min(1).max(200);

/** What a credential may do, and where. Who may do all can put himself anywhere: an `admin` reaches everything. */
export const rightsSchema = z
  .object({ scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).readonly(), reach: reachSchema })
  .refine(({ scopes: held, reach }) => !held.includes('admin') || reach === 'all', {
    message: 'the scope admin goes with the reach "all" only: an admin can make himself any key',
    path: ['reach'],
  });
export type Rights = z.output<typeof rightsSchema>;
