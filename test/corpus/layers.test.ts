import { type Case, deleted, file, other } from './case.js';
import { corpus } from './group.js';
import { corpusImage } from './pod.js';

const three = (number: number) => String(number).padStart(3, '0');
const latest = (top: number, every: number) => top - (top % every);

/** Changes to an image of which each layer adds, changes or hides something (test/lab/lib/images_more.py). `top` is the number of the last. */
function changes(top: number): Case[] {
  const [box, turn] = [latest(top, 5), latest(top, 7)];
  const turnIsFile = turn % 2 === 1;
  const at = (path: string, rows: Case['rows'], plant: string): Pick<Case, 'atRoot' | 'rows' | 'plant'> => ({ atRoot: [path], rows, plant });
  return [
    {
      name: 'a file that every layer replaces: compared with the topmost',
      ...at(
        'layers/shared',
        [file('changed', 'layers/shared', `shared of layer ${top}\n`, { mode: '0640', modeBefore: top % 2 === 1 ? '0600' : '0644' })],
        'chmod 640 /layers/shared',
      ),
    },
    {
      name: 'a file that a layer deleted is new',
      ...at('layers/by-001', [file('added', 'layers/by-001', 'x\n')], 'echo x > /layers/by-001'),
    },
    {
      name: 'a file of the lowest layers that all others leave alone',
      ...at('layers/by-002', [file('changed', 'layers/by-002', 'layer 2\nx\n')], 'echo x >> /layers/by-002'),
    },
    {
      name: 'a file of the topmost layer',
      ...at(`layers/by-${three(top)}`, [deleted(`layers/by-${three(top)}`, 'file')], `rm /layers/by-${three(top)}`),
    },
    {
      name: 'a directory that layers made opaque hides only what the last of them left',
      ...at(
        'layers/box',
        [deleted(`layers/box/of-${three(box)}`, 'file'), file('added', 'layers/box/of-005', 'x\n')],
        'rm -r /layers/box; mkdir /layers/box; echo x > /layers/box/of-005',
      ),
    },
    {
      name: 'a path that was file and directory in turns',
      ...at(
        'layers/turn',
        [
          other('changed', 'fifo', 'layers/turn', '0644', { typeBefore: turnIsFile ? 'file' : 'directory' }),
          ...(turnIsFile ? [] : [deleted(`layers/turn/of-${three(turn)}`, 'file')]),
        ],
        'rm -r /layers/turn; mkfifo /layers/turn',
      ),
    },
  ];
}

// The mount's data nears a page: containerd and CRI-O write the layers in another way each: relative, short links, descriptors.
for (const count of [30, 45, 120]) {
  const image = `layers-${count}`;
  corpus({ name: `${count} layers`, images: [image], shape: { container: { image: corpusImage(image) } }, cases: changes(count - 1) });
}
