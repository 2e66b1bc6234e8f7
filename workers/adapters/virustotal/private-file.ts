import { z } from 'zod';
import { TriageError } from '../../../playbooks/domain/error.js';
import { shortText } from '../../../playbooks/domain/short-text.js';
import type { IntelAnswer } from '../../../playbooks/ports.js';
import { errorCode, jsonOf, virusTotalSource } from './answer.js';
import type { HttpAnswer } from './request.js';
import { refused } from './upload-answer.js';

const verdictSchema = z.object({ category: z.string() });

/** The part of a private file that we read (VirusTotal API v3, "Private Files"): it has no results of antivirus engines. */
const privateFileSchema = z.object({
  data: z.object({
    type: z.literal('private_file'),
    id: z.string(),
    attributes: z.object({ sandbox_verdicts: z.record(z.string(), verdictSchema).optional().catch(undefined) }),
  }),
});

const noEngines = 'scanned privately, where no antivirus engine runs';

/**
 * Reads the answer of `GET /private/files/{id}`. Only what a sandbox warns of is an answer, and no more than `suspicious`; that no sandbox
 * warns says nothing, and the file stays `unknown`. Throws as {@link refused}, and `intel-invalid-answer`.
 */
export function readPrivateReport({ sha256, askedAt }: { sha256: string; askedAt: string }, answer: HttpAnswer): IntelAnswer['lookup'] {
  const base = { sha256, source: virusTotalSource, askedAt };
  if (answer.status === 404 && errorCode(answer.body) === 'NotFoundError')
    return { ...base, status: 'unknown', reason: 'VirusTotal has no private report' };
  if (answer.status !== 200) throw refused(answer, 'about a private file');
  const parsed = privateFileSchema.safeParse(jsonOf(answer.body));
  if (!parsed.success || parsed.data.data.id.toLowerCase() !== sha256)
    throw new TriageError('intel-invalid-answer', `what came about the private file ${sha256} has an unexpected shape, or is about another file`);
  const verdicts = Object.entries(parsed.data.data.attributes.sandbox_verdicts ?? {});
  const warning = verdicts.filter(([, { category }]) => category === 'malicious' || category === 'suspicious').map(([name]) => shortText(name, 60));
  if (warning.length === 0) return { ...base, status: 'unknown', reason: noEngines };
  return { ...base, status: 'suspicious', reason: `${noEngines}; sandboxes that warn: ${warning.sort().slice(0, 5).join(', ')}` };
}
