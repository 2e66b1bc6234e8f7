import { safeText } from '../domain/short-text.js';

/** What bag-info.txt says of a bag (RFC 8493 section 2.2.2). Texts may come from the caller of a run. */
export interface BagInfo {
  readonly run: string;
  readonly caseId?: string | undefined;
  readonly organisation?: string | undefined;
  readonly examiner?: string | undefined;
  readonly reason?: string | undefined;
  readonly target: { readonly cluster: string; readonly namespace: string; readonly pod: string; readonly container?: string | undefined };
  readonly baggedAt: Date;
  /** Of all files below data/. */
  readonly octets: number;
  readonly files: number;
}

/** Longer than any text that a request can hold. */
const maxValue = 4_000;

/** The text of bag-info.txt. What nobody has given is left out. */
export function bagInfoText(info: BagInfo): string {
  const { cluster, namespace, pod, container } = info.target;
  const target = [cluster, namespace, pod, ...(container === undefined ? [] : [container])].join('/');
  return [
    element('Source-Organization', info.organisation),
    element('External-Identifier', info.run),
    element('Internal-Sender-Identifier', info.caseId),
    element('Internal-Sender-Description', info.reason),
    element('Podtriage-Examiner', info.examiner),
    element('Podtriage-Target', target),
    element('Bagging-Date', info.baggedAt.toISOString().slice(0, 10)),
    element('Payload-Oxum', `${info.octets}.${info.files}`),
    // Without its version: what is here is held against what was signed.
    element('Bag-Software-Agent', 'podtriage'),
  ].join('');
}

/** A value stays on its line, whatever is in it: a line break would begin another element, or go on with this one. */
function element(label: string, value: string | undefined): string {
  const text = safeText(value ?? '', maxValue).trim();
  return text === '' ? '' : `${label}: ${text}\n`;
}
