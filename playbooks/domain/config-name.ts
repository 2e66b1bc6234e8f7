import { z } from 'zod';

/** Names of rules and endpoints: ours, from the configuration of the installation. */
export const configNameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lower case letters, digits and "-"');

/** Names of the endpoints that results go to. */
export const notifySchema = z.array(configNameSchema).max(10);
