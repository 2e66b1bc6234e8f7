import type { Change } from '../../domain/change.js';
import type { NodeContainer } from '../../facts.js';
import type { NodeSession } from '../../ports.js';
import { nodeTree } from './node-tree.js';
import { processPlaceOf } from './process-place.js';
import { processTree } from './process-tree.js';
import type { TreeReader } from './tree-reader.js';

/** Why a file cannot be read at all: a gap's reason and detail. */
export interface Unreadable {
  readonly reason: string;
  readonly detail: string;
}

/** Finds for each file the tree that it is read from; one reader a tree. */
export class Trees {
  private readonly readers = new Map<string, TreeReader>();

  /** @param most entries of a walk */
  constructor(
    private readonly session: NodeSession,
    private readonly containers: readonly NodeContainer[],
    private readonly most: number,
  ) {}

  readerOf(change: Change): TreeReader | Unreadable {
    const container = this.containers.find(({ id }) => id === change.containerId);
    const { place } = change;
    if (container === undefined || place.kind === 'process') return nowhere;
    if (place.kind === 'rootfs') return this.ofRootfs(container, change);
    const volume = container.volumes.find((each) => each.volume === place.volume && each.mountPath === place.mountPath);
    if (volume === undefined) return nowhere;
    if (volume.source !== undefined) return this.at(volume.source);
    const inContainer = processPlaceOf(container, volume);
    return inContainer === undefined ? nowhere : this.kept(`${container.id} ${volume.mountPath}`, () => processTree(this.session, inContainer));
  }

  /** With metacopy or redirects the upper directory lacks content: then the node's own merged mount is read. */
  private ofRootfs({ overlay, rootfs }: NodeContainer, change: Change): TreeReader | Unreadable {
    if (overlay === undefined) return rootfs === undefined ? nowhere : this.at(rootfs);
    const isElsewhere = change.metadataOnly === true || change.renamedFrom !== undefined;
    if ((overlay.metacopy || overlay.redirects || isElsewhere) && overlay.merged !== undefined) return this.at(overlay.merged);
    // The upper directory has a file of the right size, full of zeros. What only moved there without its content is not listed without the mount.
    return change.metadataOnly === true ? notMerged : this.at(overlay.upper);
  }

  private at(root: string): TreeReader {
    return this.kept(root, () => nodeTree({ session: this.session, root, most: this.most }));
  }

  private kept(key: string, make: () => TreeReader): TreeReader {
    const reader = this.readers.get(key) ?? make();
    this.readers.set(key, reader);
    return reader;
  }
}

const nowhere: Unreadable = { reason: 'no-tree', detail: 'no directory of the node is known to hold it' };

const notMerged: Unreadable = {
  reason: 'content-in-image',
  detail: 'its content lies in the image, and the container whose mount showed it has ended',
};
