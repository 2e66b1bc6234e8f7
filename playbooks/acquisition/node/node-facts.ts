import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { emit, parseEmitted } from './emitted.js';
import { type Mount, parseMountinfo } from './mountinfo.js';
import { checkExit, collect, nodeCommand } from './node-command.js';

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

/** What a tool says of itself is one line of `tools`, as each line that is encoded apart costs the node three processes. */
const script = `${emit}
emit mounts </proc/self/mountinfo
emit metacopy </sys/module/overlay/parameters/metacopy
emit redirects </sys/module/overlay/parameters/redirect_dir
for tool in find tar sha256sum stat xargs mount unshare timeout; do
  said=$("$tool" --version 2>/dev/null)
  printf '%s %s\\n' "$tool" "\${said%%
*}"
done | emit tools
`;

const needed = { find: /GNU findutils/, xargs: /GNU findutils/, tar: /GNU tar/, sha256sum: /GNU coreutils/, stat: /GNU coreutils/ } as const;

/** Reads a node's mount table and tools. Throws `tool-missing` when a tool is absent or not GNU's, as another would answer differently. */
export async function readNodeFacts(session: NodeSession, signal: AbortSignal): Promise<NodeFacts> {
  const command = nodeCommand('node-facts', ['sh', '-c', script, 'podtriage'], { timeoutMs: 60_000 });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  const values = parseEmitted(stdout.toString('latin1'));
  const tools = toolsOf(values.get('tools')?.toString('utf8') ?? '');
  checkTools(session.node.name, tools);
  return {
    mounts: parseMountinfo(values.get('mounts')?.toString('utf8') ?? ''),
    tools,
    metacopyDefault: values.get('metacopy')?.toString('latin1').trim() === 'Y',
    redirectsDefault: values.get('redirects')?.toString('latin1').trim() === 'Y',
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
