import { z } from 'zod';

/** What is known of the one message in which a run's milestones are told. */
export const chatSchema = z.strictObject({
  /** The time of the newest milestone that it tells. ISO 8601. */
  toldAt: z.iso.datetime().optional(),
  /** How often the address of the reply was used. */
  replies: z.int().nonnegative().default(0),
  /** Where the message stands that can be brought up to date, once there is one. */
  channel: z.string().max(40).optional(),
  ts: z.string().max(40).optional(),
});
export type ChatState = z.output<typeof chatSchema>;

/** What is remembered of a chat between two milestones, as an endpoint sees it. Methods throw `redis-unavailable`. */
export interface Chat {
  readonly state: ChatState;
  /** The sealed address at which the person who asked waits for a reply, while it lives. What it was sealed for is `about`. */
  reply(): Promise<{ readonly sealed: string; readonly about: string } | undefined>;
  /** To be called before the next request is made, so that who comes after a crash knows of it. */
  keep(state: ChatState): Promise<void>;
}

/** A reply address takes so many posts, for so long (https://docs.slack.dev/interactivity/handling-user-interaction). */
export const maxReplies = 5;
export const replySeconds = 30 * 60;
