import type { z } from 'zod';
import { targetSchema } from '../../playbooks/domain/request.js';

type Target = z.output<typeof targetSchema>;

/** What somebody has typed after the slash command. */
export type SlackCommand =
  | { readonly what: 'triage'; readonly target: Target }
  | { readonly what: 'status' | 'cancel'; readonly run: string }
  | { readonly what: 'help' }
  /** Nothing that is known. Nothing of the text is kept. */
  | { readonly what: 'unclear' };

const run = /^r[0-9a-z]{1,60}$/;
const pod = /^(?:([^\s:/]+):)?([^\s:/]+)\/([^\s:/]+)$/;

/**
 * Reads `[cluster:]namespace/pod [container]`, `status <run>`, `cancel <run>` or `help`. Never throws, and gives only names that Kubernetes
 * could have.
 * @param cluster where the command names none
 */
export function parseSlackCommand(text: string, cluster: string): SlackCommand {
  const [first = '', second, ...more] = text.split(/\s+/).filter((word) => word !== '');
  if (more.length > 0) return { what: 'unclear' };
  const word = first.toLowerCase();
  if (word === '' || word === 'help') return { what: 'help' };
  if (word === 'status' || word === 'cancel') return second !== undefined && run.test(second) ? { what: word, run: second } : { what: 'unclear' };
  const named = pod.exec(first);
  if (named === null) return { what: 'unclear' };
  const [, where = cluster, namespace, name] = named;
  const target = targetSchema.safeParse({ cluster: where, namespace, pod: name, ...(second === undefined ? {} : { container: second }) });
  return target.success ? { what: 'triage', target: target.data } : { what: 'unclear' };
}
