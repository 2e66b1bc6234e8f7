import { z } from 'zod';

/** Block Kit as Slack's reference has it (https://docs.slack.dev/reference/block-kit): as much as a message that shows something needs, all else is refused. */
const plain = (max: number) => z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean().optional() });
const mrkdwn = (max: number) => z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max), verbatim: z.boolean().optional() });
const text = (max: number) => z.union([plain(max), mrkdwn(max)]);
const id = { block_id: z.string().max(255).optional() };

const sectionSchema = z
  .strictObject({ type: z.literal('section'), ...id, text: text(3_000).optional(), fields: z.array(text(2_000)).min(1).max(10).optional() })
  .refine((section) => section.text !== undefined || section.fields !== undefined);
const blocksSchema = z
  .array(
    z.union([
      sectionSchema,
      z.strictObject({ type: z.literal('header'), ...id, text: plain(150) }),
      z.strictObject({ type: z.literal('divider'), ...id }),
      z.strictObject({ type: z.literal('context'), ...id, elements: z.array(text(3_000)).min(1).max(10) }),
    ]),
  )
  .max(50);
export type Blocks = z.output<typeof blocksSchema>;

const contentSchema = z.object({ text: z.string().optional(), blocks: z.unknown().optional() });

/** What a message holds. */
export interface Content {
  readonly text: string;
  readonly blocks: Blocks;
}

/** Reads what a message is to hold; a text is Slack's name of what is wrong with it. */
export function contentOf(body: unknown): Content | string {
  const read = contentSchema.safeParse(body);
  if (!read.success) return 'invalid_arguments';
  const { text: fallback, blocks = [] } = read.data;
  // Slack takes blocks alone, and warns: notifications and screen readers then say nothing.
  if (fallback === undefined || fallback === '') return 'no_text';
  if (fallback.length > 40_000) return 'msg_too_long';
  const parsed = blocksSchema.safeParse(typeof blocks === 'string' ? jsonOf(blocks) : blocks);
  return parsed.success ? { text: fallback, blocks: parsed.data } : 'invalid_blocks';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Everything of a message that Slack would read for markup. */
export function markupOf({ text: fallback, blocks }: Content): string[] {
  const found: string[] = [fallback];
  for (const block of blocks) {
    if (block.type === 'section')
      found.push(...[block.text, ...(block.fields ?? [])].flatMap((each) => (each?.type === 'mrkdwn' ? [each.text] : [])));
    if (block.type === 'context') found.push(...block.elements.flatMap((each) => (each.type === 'mrkdwn' ? [each.text] : [])));
  }
  return found;
}

/** Everything of a message that people see. */
export function shownBy({ blocks }: Pick<Content, 'blocks'>): string {
  return blocks
    .flatMap((block) => {
      if (block.type === 'header') return [block.text.text];
      if (block.type === 'section') return [block.text?.text ?? '', ...(block.fields ?? []).map((each) => each.text)];
      return block.type === 'context' ? block.elements.map((each) => each.text) : [];
    })
    .join('\n');
}
