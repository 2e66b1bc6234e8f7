import { TriageError } from '../../domain/error.js';
import { type Mount, parseMountinfo } from './mountinfo.js';

/** What is true of the whole node, read once per step. */
export interface NodeFacts {
  /** The node's own mount table: the only one that is believed. */
  readonly mounts: readonly Mount[];
  /** Versions of the tools that read for us, by name. */
  readonly tools: Readonly<Record<string, string>>;
  /** The kernel's default for overlayfs `metacopy`, which mountinfo does not repeat. */
  readonly metacopyDefault: boolean;
  /** The same of `redirect_dir`. */
  readonly redirectsDefault: boolean;
}

/** Lines of sh that say which tools will read for us, as lines of the section `tools`. */
export const tellTools = `for tool in find tar sha256sum stat xargs grep mount; do
  said=$("$tool" --version 2>/dev/null)
  printf 'tools %s %s\\n' "$tool" "\${said%%
*}"
done`;

const needed = { find: /GNU findutils/, xargs: /GNU findutils/, tar: /GNU tar/, sha256sum: /GNU coreutils/, stat: /GNU coreutils/ } as const;

/**
 * Takes what is true of the node from the sections `mounts`, `tools`, `metacopy` and `redirects`. Throws `tool-missing` when a tool is absent
 * or not GNU's, as another would answer differently.
 */
export function parseFacts(sections: ReadonlyMap<string, string>, node: string): NodeFacts {
  const tools = toolsOf(sections.get('tools') ?? '');
  checkTools(node, tools);
  return {
    mounts: parseMountinfo(sections.get('mounts') ?? ''),
    tools,
    metacopyDefault: sections.get('metacopy')?.trim() === 'Y',
    redirectsDefault: sections.get('redirects')?.trim() === 'Y',
  };
}

function toolsOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const [tool = '', ...said] = line.split(' ');
      return [tool, said.join(' ').trim() || 'missing'];
    }),
  );
}

function checkTools(node: string, tools: Readonly<Record<string, string>>): void {
  for (const [tool, pattern] of Object.entries(needed)) {
    const found = tools[tool] ?? 'missing';
    if (pattern.test(found)) continue;
    throw new TriageError(
      'tool-missing',
      `node ${node}: ${tool} must be GNU's, found "${found}"; install coreutils, findutils and tar of GNU, or use a playbook with method nerdctl`,
    );
  }
}
