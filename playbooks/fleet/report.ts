import { z } from 'zod';
import { sha256Schema } from '../domain/artifact.js';
import { batchTargetStates, ownerSchema } from '../domain/batch.js';
import { pathNameSchema } from '../domain/path-name.js';
import { verdictLevels } from '../domain/verdict.js';

const count = z.int().nonnegative();

/** What is said of content, the worst first. `none`: nothing that anybody knows; that is not "clean". */
export const fleetLevels = ['malicious', 'suspicious', 'notice', 'none'] as const;
export type FleetLevel = (typeof fleetLevels)[number];

/** Why a pod's files are not, or not all, in the comparison. */
const unknownSchema = z.strictObject({
  number: count,
  /** `not-examined`: nothing of it was taken, or is left; `partial`: what a comparison misses in it may be there all the same. */
  what: z.enum(['not-examined', 'partial']),
  /** Code of the first error, or what its run came to. */
  reason: z.string().max(200),
});

const podSchema = z.strictObject({
  number: count,
  namespace: z.string(),
  pod: z.string(),
  node: z.string().optional(),
  /** Number of its group. */
  group: count,
  run: z.string().optional(),
  state: z.enum(batchTargetStates),
  verdict: z.enum(verdictLevels).optional(),
});

const groupSchema = z.strictObject({
  namespace: z.string(),
  /** Absent: pods that nobody owns, of the same images. */
  owner: ownerSchema.optional(),
  images: z.array(z.string()).max(200),
  pods: count,
  /** Those that could be compared. */
  examined: count,
});

/** One content under one name, wherever in a group it was found. */
export const fleetRowSchema = z.strictObject({
  group: count,
  container: z.string(),
  /** `rootfs`, `process`, or `volume:` and its name. */
  place: z.string(),
  path: pathNameSchema,
  sha256: sha256Schema,
  size: count,
  level: z.enum(fleetLevels),
  /**
   * `outlier`: at most half of the replicas have it, and most others do not have that path, or agree on other content. `varies`: most have that path, and
   * no content of it is the rule. `common`: most have it. `alone`: there is no other replica to compare with.
   */
  rarity: z.enum(['outlier', 'alone', 'varies', 'common']),
  /** Numbers of the pods that have it, at most 100; `found` says how many there are. */
  pods: z.array(count).max(100),
  found: count,
  /** Pods elsewhere in the batch that have the same content: in other groups, or under other names. */
  elsewhere: count,
});
export type FleetRow = z.output<typeof fleetRowSchema>;

/** The fleet view of a batch. Outliers come first, then by what is said of the content, then the rarest. */
export const fleetReportSchema = z.strictObject({
  version: z.literal(1),
  batch: z.string(),
  at: z.iso.datetime(),
  groups: z.array(groupSchema),
  pods: z.array(podSchema),
  /** Unknown is not clean: what is missed here was not looked at. */
  unknown: z.array(unknownSchema),
  artifacts: z.array(fleetRowSchema),
  /** Rows that are left out here, of those that come last; their runs have them. */
  left: count,
});
export type FleetReport = z.output<typeof fleetReportSchema>;
