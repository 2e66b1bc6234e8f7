import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { ChainCheck } from '../../../playbooks/domain/custody.js';
import { ChainMemory } from '../../../store/chain-memory.js';
import { signedLine } from '../../../store/entry-line.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const keys = new Map([['kid', publicKey]]);

function signedEntry(run: string, signer = privateKey): ReturnType<typeof signedLine> {
  const id = '0b6ff1c4-0e6c-4d43-8f0f-0a6a4a5b3c2d';
  const at = '2026-11-27T00:00:00.000Z';
  return signedLine(
    { id, seq: 0, at, run, actor: 'worker:1', by: 'kid', act: 'step.started', subject: 'x', detail: { attempt: 1 }, prev: '' },
    { privateKey: signer },
  );
}

test('a reader takes the head of a chain ahead, and never back', () => {
  const memory = new ChainMemory();
  memory.headSeen('run', { seq: 2, hash: 'b' });
  expect(memory.headOf('run')).toEqual({ seq: 2, hash: 'b' });
  memory.headSeen('run', { seq: 1, hash: 'a' });
  expect(memory.headOf('run')).toEqual({ seq: 2, hash: 'b' });
});

test('what Redis says of a head stands, also where the chain is shorter than it was', () => {
  const memory = new ChainMemory();
  memory.headIs('run', { seq: 2, hash: 'b' });
  memory.headIs('run', { seq: 1, hash: 'a' });
  expect(memory.headOf('run')).toEqual({ seq: 1, hash: 'a' });
});

test('an entry that was signed here is good where it belongs, and nowhere else', () => {
  const memory = new ChainMemory();
  const { entry, line } = signedEntry('run');
  memory.signed(line, entry);
  expect(new ChainCheck('run', keys, memory).add(line)).toEqual(entry);
  expect(new ChainCheck('other', keys, memory).add(line)).toBeUndefined();
  expect(new ChainCheck('run', new Map(), memory).add(line)).toBeUndefined();
});

test('another line of the same entry is checked like any other', () => {
  const memory = new ChainMemory();
  const { entry, line } = signedEntry('run');
  memory.signed(line, entry);
  expect(new ChainCheck('run', keys, memory).add(line.replace('"attempt":1', '"attempt":2'))).toBeUndefined();
  const stranger = signedEntry('run', generateKeyPairSync('ed25519').privateKey);
  expect(new ChainCheck('run', keys, memory).add(stranger.line)).toBeUndefined();
});
