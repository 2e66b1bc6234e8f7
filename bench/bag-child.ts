import { bagOfTar } from '../cli/bag/unpack.js';
import { writeBagFolder } from '../cli/bag/write-bag.js';
import { ApiClient } from '../cli/client.js';
import { verifyBag } from '../playbooks/bag/verify-bag.js';
import { openFolder } from '../store/bag/folder-reader.js';

/** Writes a plain bag as the command does, verifies it, and prints how long both took, in ms, and the most memory that it had, in MiB: URL RUN TO. */
const [url = '', run = '', to = ''] = process.argv.slice(2);
const client = new ApiClient({ url, key: 'bench', localEvidence: undefined });
const started = performance.now();
await writeBagFolder(bagOfTar(client.bag(run, 'plain', new AbortController().signal), run), to);
const written = performance.now();
const { state, problems } = await verifyBag(await openFolder(to));
const verified = performance.now();
if (state !== 'holds') throw new Error(`the bag is ${state}: ${JSON.stringify(problems.slice(0, 3))}`);
// In KiB (getrusage(2)).
const rss = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(JSON.stringify({ write: Math.round(written - started), verify: Math.round(verified - written), rss }));
