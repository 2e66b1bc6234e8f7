import type { Facts } from '../../facts.js';
import type { NodeSession, StepContext } from '../../ports.js';

/** Logs in to the run's node, and out again whatever happens. */
export async function withNode<T>(
  ctx: StepContext,
  target: Facts['target'],
  node: Facts['node'],
  act: (session: NodeSession) => Promise<T>,
): Promise<T> {
  const session = await ctx.nodes.connect({ cluster: target.cluster, name: node.name, address: node.address }, ctx.signal);
  try {
    return await act(session);
  } finally {
    await session.close();
  }
}
