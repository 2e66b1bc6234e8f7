import { z } from 'zod';
import { lookupSchema } from './lookup.js';
import { uploadModes } from './request.js';
import { failureSchema } from './run.js';

/** How content is given to a source. `private`: the source keeps it from its other users. */
export type UploadMode = Exclude<(typeof uploadModes)[number], 'never'>;

/** What an installation lets its runs give away. */
export interface UploadPolicy {
  /** `public` allows `private`, too. */
  readonly mode: (typeof uploadModes)[number];
  /** Larger files stay here. */
  readonly maxBytes: number;
}

/** VirusTotal takes so much without an upload URL (API v3, "Upload a file"): 32 MB. */
export const directUploadBytes = 32 * 1024 * 1024;
/** And so much with one: 650 MB. */
export const maxUploadBytes = 650 * 1024 * 1024;

/** What an installation allows that says nothing. */
export const noUploads: UploadPolicy = { mode: 'never', maxBytes: directUploadBytes };

/** Says whether an installation allows what a run asks for. */
export function allowsUpload({ mode }: UploadPolicy, asked: UploadPolicy['mode']): boolean {
  return uploadModes.indexOf(asked) <= uploadModes.indexOf(mode);
}

/** One file to be given to a source. It is named by its hash: the name that the suspect gave it stays here. */
export interface UploadFile {
  readonly sha256: string;
  readonly size: number;
  readonly mode: UploadMode;
}

/** `unsure`: all was sent, and no answer came. */
export type UploadReceipt = { readonly what: 'accepted'; readonly analysis: string } | { readonly what: 'unsure'; readonly problem: string };

/** What has become of one file: what the source says of it since, or why it says nothing. */
export const uploadOutcomeSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('answered'), lookup: lookupSchema }),
  z.object({ what: z.literal('failed'), error: failureSchema }),
]);
export type UploadOutcome = z.output<typeof uploadOutcomeSchema>;
