import type { Chat } from './chat.js';
import type { EndpointConfig } from './endpoints.js';
import type { MilestoneEvent } from './event.js';

/** What is sent to an endpoint. */
export interface Message {
  /** Of the delivery: the same at every attempt, so that the receiver can tell a repetition. */
  readonly id: string;
  readonly event: MilestoneEvent;
  /** The event as JSON, byte for byte the same at every attempt. */
  readonly body: string;
  /** When this attempt is made. */
  readonly at: Date;
  /** What was told before of the same run or batch. Absent where the endpoint keeps no message up to date. */
  readonly chat?: Chat;
}

/** What became of an attempt. `reason` is in our own words: nothing that the endpoint has said is in it. */
export type Sent =
  | { readonly taken: true /** Of the answer, where the endpoint speaks HTTP. */; readonly status?: number }
  | {
      readonly taken: false;
      /** `address-refused`: the address is one that nothing is sent to. */
      readonly code: 'delivery-failed' | 'address-refused';
      readonly reason: string;
      readonly status?: number;
      /** It will never be taken: no other attempt is made. */
      readonly final?: boolean;
      /** Not before so many milliseconds, as the endpoint asks. */
      readonly retryAfterMs?: number;
    };

/** One place that results go to. */
export interface Endpoint extends Pick<EndpointConfig, 'name' | 'kind' | 'milestones' | 'reach'> {
  /** Makes one attempt, within the signal's time. Throws only the signal's reason. */
  send(message: Message, signal: AbortSignal): Promise<Sent>;
}

/** The endpoints of the installation, by name. */
export type EndpointsPort = ReadonlyMap<string, Endpoint>;
