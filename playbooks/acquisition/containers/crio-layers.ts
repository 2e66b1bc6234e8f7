import { TriageError } from '../../domain/error.js';
import type { NodeSession } from '../../ports.js';
import { checkExit, collect, nodeCommand } from '../node/node-command.js';

/** The folder of a layer in the overlay storage of CRI-O (containers/storage, drivers/overlay/overlay.go). */
export interface CrioLayer {
  /** The folder of all layers. */
  readonly storage: string;
  readonly folder: string;
}

/** The layer that is mounted at a root path of CRI-O, `STORAGE/LAYER/merged`; undefined for other paths. */
export function crioLayer(root: string): CrioLayer | undefined {
  const [, storage, layer] = /^(\/.+\/overlay)\/([0-9a-f]{64})\/merged$/.exec(root) ?? [];
  return storage === undefined || layer === undefined ? undefined : { storage, folder: `${storage}/${layer}` };
}

/** Reads the lower layers of a layer, topmost first. Throws `command-failed` where the storage has no record of them. */
export async function lowersOfLayer(session: NodeSession, folder: string, signal: AbortSignal): Promise<string[]> {
  const command = nodeCommand('lower-layers', ['cat', '--', `${folder}/lower`], { timeoutMs: 30_000, maxBytes: 1024 * 1024 });
  const { stdout, outcome } = await collect(session, command, signal);
  checkExit(command, session.node.name, outcome);
  const lowers = parseLowerFile(stdout.toString('utf8'), folder.slice(0, folder.lastIndexOf('/')));
  if (lowers === undefined) throw new TriageError('command-failed', `${folder}/lower on node ${session.node.name} is no list of layers`);
  return lowers;
}

/** Parses `l/NAME:l/NAME`: short links beside the layers. Undefined when anything else is in it. */
export function parseLowerFile(text: string, storage: string): string[] | undefined {
  const names = text.trim().split(':');
  return names.every((name) => /^l\/[A-Z0-9]{26}$/.test(name)) ? names.map((name) => `${storage}/${name}`) : undefined;
}
