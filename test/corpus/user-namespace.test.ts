import { expect } from 'vitest';
import { type Case, file } from './case.js';
import { corpus } from './group.js';
import { overlay } from './overlay.js';
import { stage } from './stage.js';

/** Capabilities that hold in the pod's user namespace alone: the kernel writes whose they are beside them (capabilities(7)). */
const bounded: Case = {
  name: 'capabilities of this user namespace',
  stage: true,
  plant: 'chmod 711 capable',
  rows: [file('changed', 'capable', stage.capable, { mode: '0711' })],
  check: ({ changes }, { dir }) => {
    const row = changes.find(({ path }) => path.text === `${dir}/capable`);
    expect(row?.nodeUid).toBeGreaterThan(0);
    expect(row?.capabilities).toBe(`cap_net_raw=ep [rootid=${row?.nodeUid ?? ''}]`);
  },
};

// The same changes in a pod whose user namespace is its own (hostUsers: false): owners are others on the node, and its lower
// layers are mounts that the node does not show. It may make no devices.
const same = overlay.filter(({ only, name }) => only === undefined && name !== 'capabilities kept');
corpus({ name: 'user namespace', shape: { spec: { hostUsers: false } }, cases: [...same, bounded] });
