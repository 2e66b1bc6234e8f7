import { describe, expect, it } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { type Process, processSchema } from '../../../playbooks/domain/process.js';
import { openDoor, openRun } from './door.js';
import { at, hex, hostileName } from './samples.js';

const door = openDoor();

function processOf(pid: number): Process {
  return {
    container: 'web',
    containerId: 'c'.repeat(64),
    pid,
    containerPid: 1,
    parent: 1,
    startedAt: at,
    name: pathName(Buffer.from('a) R 1 (')),
    uid: 0,
    nodeUid: 2_352_414_720,
    executable: { state: 'memfd', path: pathName(hostileName), sha256: hex('x'), size: 1, device: '1', inode: '2', filesystem: 'tmpfs' },
    arguments: [pathName(hostileName)],
    argumentsCut: true,
    workingDirectory: pathName(Buffer.from('/')),
    environment: [pathName(Buffer.from('PATH'))],
    environmentCut: true,
    sockets: [{ protocol: 'tcp', state: 'LISTEN', local: '0.0.0.0:80', remote: '0.0.0.0:0' }],
  };
}

async function listed(processes: readonly Process[]): Promise<string> {
  const id = await openRun(door);
  const sha256 = door.evidence.keep(processes.map((row) => `${JSON.stringify(row)}\n`).join(''));
  door.runs.step(id, 'diff-filesystem', 'succeeded', { processes: { sha256, count: processes.length, fileless: 0, executables: 1 } });
  return id;
}

describe('GET /runs/{run}/processes', () => {
  it('pages through the listing of the evidence store, and gives all of it as lines', async () => {
    const rows = Array.from({ length: 5 }, (_, index) => processOf(index + 1));
    const id = await listed(rows);
    const first = (await door.get(`/api/v1/runs/${id}/processes?limit=3`).expect(200)).body as { processes: Process[]; count: number; next: string };
    expect(first).toMatchObject({ processes: rows.slice(0, 3), count: 5, next: '3' });
    const rest = (await door.get(`/api/v1/runs/${id}/processes?limit=3&cursor=3`).expect(200)).body as { processes: Process[] };
    expect(rest.processes).toEqual(rows.slice(3));
    const all = await door.get(`/api/v1/runs/${id}/processes`).set('Accept', 'application/x-ndjson').buffer(true).parse(text).expect(200);
    expect(
      (all.body as string)
        .trim()
        .split('\n')
        .map((line) => processSchema.parse(JSON.parse(line))),
    ).toEqual(rows);
  });

  it('says why there are none yet, which is not an empty list', async () => {
    const id = await openRun(door);
    const answer = await door.get(`/api/v1/runs/${id}/processes`).expect(404);
    expect(answer.body).toMatchObject({ code: 'not-found' });
    expect(answer.text).toContain('the processes have not been listed');
  });
});

function text(res: unknown, done: (error: Error | null, body: string) => void): void {
  let body = '';
  const stream = res as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
  stream.on('end', () => done(null, body));
}
