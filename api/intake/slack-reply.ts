import { escapeSlack, type PlainText, plainText } from '../../playbooks/delivery/slack-text.js';
import type { RunView } from '../../store/run-view.js';

/** What Slack shows: to the person alone, or to all in the channel. */
export interface SlackReply {
  readonly response_type: 'ephemeral' | 'in_channel';
  /** For notifications. */
  readonly text: string;
  readonly blocks: readonly { readonly type: 'section'; readonly text: PlainText }[];
}

/** Slack's limit for the text of a section, in characters. */
const maxChars = 3_000;

/** An answer for who gave the command alone. */
export function whisper(text: string): SlackReply {
  return replyOf('ephemeral', text);
}

/** An answer that the channel sees. */
export function announce(text: string): SlackReply {
  return replyOf('in_channel', text);
}

function replyOf(type: SlackReply['response_type'], text: string): SlackReply {
  const plain = plainText(text, maxChars);
  return { response_type: type, text: escapeSlack(plain.text), blocks: [{ type: 'section', text: plain }] };
}

/** Where a run stands. Names of Kubernetes and words of ours only. */
export function statusText({ id, state, request, verdict, completeness, milestones, steps, cancelRequestedAt }: RunView): string {
  const { namespace, pod } = request.target;
  const running = steps.filter((step) => step.state === 'running').map(({ name }) => name);
  const lines = [
    `Run ${id} of ${namespace}/${pod}: ${state}${completeness === undefined ? '' : `, ${completeness}`}`,
    `Verdict: ${verdict ?? 'not judged yet'}`,
    ...(running.length === 0 ? [] : [`Now: ${running.join(', ')}`]),
    ...(milestones.acquisitionFinished === undefined ? [] : ['The evidence is taken: the pod may now be killed.']),
    ...(cancelRequestedAt === undefined ? [] : ['It was asked to stop.']),
  ];
  return lines.join('\n');
}

/** How the command is used. */
export const helpText = [
  'namespace/pod [container]: examine a pod',
  'cluster:namespace/pod [container]: the same in another cluster',
  'status <run>: where a run stands',
  'cancel <run>: stop a run; what was taken is kept',
].join('\n');
