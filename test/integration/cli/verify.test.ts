import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../../../cli/client.js';
import { verify } from '../../../cli/commands/verify.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import { openRun, secret } from '../api/door.js';
import { Signer } from '../api/fakes.js';
import { openStand, type Stand, startCommand } from './command.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

interface Said {
  readonly code: number;
  readonly stdout: string;
}

/** The command in this process. */
async function verified(what: string, ...key: string[]): Promise<Said> {
  const io = fakeIo();
  const connect = (): Promise<ApiClient> => Promise.resolve(new ApiClient({ url: stand.api.url, key: secret, localEvidence: undefined }));
  return { code: await verify(io, connect, what, { key }), stdout: io.printed() };
}

/** Lets a test break what the service has, and puts it back. */
async function broken(lines: string[], change: () => void, run: string): Promise<Said> {
  const whole = [...lines];
  change();
  try {
    return await verified(run);
  } finally {
    lines.splice(0, lines.length, ...whole);
  }
}

describe('podtriage verify RUN', () => {
  it('says that a chain holds, how far, and who has signed it', async () => {
    const id = await openRun(stand.door);
    const { code, stdout } = await stand.run('verify', id);
    expect(code).toBe(0);
    expect(stdout).toContain(`${id} holds\n`);
    expect(stdout).toMatch(/ok +5 +entries of the chain/);
    expect(stdout).toContain('the chain ends at entry 4\n');
    expect(stdout).toContain(`signed by ${stand.door.signer.kid} (5 entries)\nconsistent, signer not pinned`);
  });

  it('names the entry that is broken, and why that matters', async () => {
    const id = await openRun(stand.door);
    const { custody } = stand.door.runs.of(id);
    const outcome = await broken(custody, () => void custody.splice(3, 1), id);
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toContain(`${id} is BROKEN\n`);
    expect(outcome.stdout).toContain(`custody of run ${id}, entry 3: has sequence 4, expected 3\n  Acts have been altered`);
  });

  it('finds a line that is no longer as it was signed, even if its value is the same', async () => {
    const id = await openRun(stand.door);
    const { custody } = stand.door.runs.of(id);
    const outcome = await broken(custody, () => (custody[1] = ` ${custody[1] ?? ''}`), id);
    expect(outcome.stdout).toContain('entry 1: is not in canonical form');
  });

  it('trusts only the keys that it is given, as a JWK set or as PEM', async () => {
    const id = await openRun(stand.door);
    const jwks = join(stand.folder, 'jwks.json');
    const pem = join(stand.folder, 'key.pem');
    await writeFile(jwks, await (await fetch(`${stand.api.url}/.well-known/jwks.json`)).text());
    await writeFile(pem, stand.door.signer.publicKey.export({ type: 'spki', format: 'pem' }));
    for (const file of [jwks, pem]) {
      const { code, stdout } = await verified(id, file);
      expect([code, stdout]).toEqual([0, expect.stringContaining('every signer is one of the keys that you trust')]);
    }
    await writeFile(pem, new Signer().publicKey.export({ type: 'spki', format: 'pem' }));
    const stranger = await verified(id, pem);
    expect([stranger.code, stranger.stdout]).toEqual([1, expect.stringContaining('which is not one of those that you trust')]);
    expect((await stand.run('verify', id, '--key', pem, '--key', jwks)).code).toBe(0);
    for (const text of ['{}', 'nonsense', '-----BEGIN PRIVATE KEY-----']) {
      await writeFile(jwks, text);
      expect((await verified(id, jwks)).code).toBe(2);
    }
  });

  it('calls a run that has vanished broken, and one that nobody knows not checkable', async () => {
    const id = await openRun(stand.door);
    stand.door.runs.runs.delete(id);
    const vanished = await verified(id);
    expect([vanished.code, vanished.stdout]).toEqual([1, expect.stringContaining(`there was a run ${id}, which the service does not have any more`)]);
    const register = await verified('register');
    expect([register.code, register.stdout]).toEqual([1, expect.stringContaining(`there was a run ${id}`)]);
    stand.door.runs.register.pop();
    expect((await verified(id)).code).toBe(2);
    expect((await verified('register')).code).toBe(0);
  });

  it('finds a run that the register does not know, and one whose beginning it knows otherwise', async () => {
    const id = await openRun(stand.door);
    const { register } = stand.door.runs;
    const unknown = await broken(register, () => void register.pop(), id);
    expect([unknown.code, unknown.stdout]).toEqual([1, expect.stringContaining('register: does not say that the run was opened')]);
    const { custody } = stand.door.runs.of(id);
    const fresh = stand.door.signer.chain(id, ['run.requested', 'step.started']);
    const renewed = await broken(custody, () => void custody.splice(0, custody.length, ...fresh), id);
    expect([renewed.code, renewed.stdout]).toEqual([1, expect.stringContaining('names another first entry than the chain has')]);
  });

  it('takes a run that is opened or sealed while it looks for what it is', async () => {
    class Busy extends ApiClient {
      constructor(private readonly meanwhile: { before?: () => Promise<unknown>; after?: () => Promise<unknown> }) {
        super({ url: stand.api.url, key: secret, localEvidence: undefined });
      }

      override async *register(): AsyncGenerator<Uint8Array> {
        await this.meanwhile.before?.();
        yield* super.register();
        await this.meanwhile.after?.();
      }
    }
    const code = (client: ApiClient, what: string): Promise<number> => verify(fakeIo(), () => Promise.resolve(client), what, {});
    const open = (): Promise<string> => openRun(stand.door);
    expect(await code(new Busy({ before: open }), 'register')).toBe(0);
    expect(await code(new Busy({ after: open }), 'register')).toBe(0);

    const id = await open();
    const { runs, signer } = stand.door;
    const write = (act: 'evidence.destroyed'): string => {
      const { custody } = runs.of(id);
      custody.push(signer.next(id, custody, { act, detail: {} }));
      return (JSON.parse(custody.at(-1) ?? '') as { hash: string }).hash;
    };
    let isDone = false;
    const before = (): Promise<void> => {
      if (!isDone) {
        const detail = { run: id, seq: runs.of(id).custody.length, head: write('evidence.destroyed') };
        runs.register.push(signer.next('register', runs.register, { act: 'evidence.destroyed', subject: id, detail }));
      }
      isDone = true;
      return Promise.resolve();
    };
    expect(await code(new Busy({ before }), id)).toBe(0);
  });

  it('gives all of it as JSON', async () => {
    const id = await openRun(stand.door);
    expect(JSON.parse((await stand.run('verify', id, '--json')).stdout)).toMatchObject({ state: 'holds', run: id, problems: [], pinned: false });
  });

  it('cannot check a path that is not there, what is no bag, nor a service that is away', async () => {
    const file = join(stand.folder, 'a-file');
    await writeFile(file, 'no zip');
    for (const what of ['./nothing', file, stand.folder]) expect((await verified(what)).code).toBe(2);
    const away = startCommand(['verify', 'r1'], { PODTRIAGE_URL: 'http://127.0.0.1:1', PODTRIAGE_API_KEY: secret });
    expect((await away.outcome).code).toBe(2);
  });
});
