import { payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import type { CustodyEntry } from '../../../playbooks/domain/custody.js';
import { type Attacker, type ForgerKey, payloadOf } from './attacker.js';
import type { TamperCase } from './tamper-cases.js';

/** Older checkpoints of the same chain in the place of the newest; the manifests are made anew. */
export function* replays(base: Attacker): Generator<TamperCase> {
  const { checkpoint, custody } = payloadFiles;
  const older = base.chain().flatMap((entry) => (entry.act === 'run.checkpoint' ? [{ seq: entry.seq, jws: String(entry.detail['jws']) }] : []));
  for (const { seq, jws } of older.slice(0, -1)) {
    const kind = payloadOf(jws).contents === undefined ? 'sealing' : 'an earlier export';
    yield {
      name: `the checkpoint of ${kind} (entry ${seq})`,
      found: [{ file: checkpoint }],
      tamper(attacker) {
        attacker.write(checkpoint, `${jws}\n`);
        attacker.cover();
      },
    };
    yield {
      name: `the chain cut to the checkpoint of ${kind} (entry ${seq})`,
      // Of an export of just these files it would be its bag, and good.
      found: [{ file: kind === 'sealing' ? checkpoint : tagFiles.manifest }],
      tamper(attacker) {
        attacker.writeLines(custody, attacker.lines(custody).slice(0, seq + 1));
        attacker.write(checkpoint, `${jws}\n`);
        attacker.edit(payloadFiles.keys, (text) => text.replace('{', '{ '));
        attacker.cover();
      },
    };
  }
}

/** One entry and all that stands on it, signed anew by a stranger whose key is put beside those of the bag. */
export function* strangers(stranger: ForgerKey, base: Attacker, owner: (kid: string) => ForgerKey): Generator<TamperCase & { seq: number }> {
  const { length } = base.chain();
  for (const seq of [0, Math.floor(length / 2), length - 1]) {
    yield {
      name: `signed by a stranger from entry ${seq} on`,
      seq,
      found: [{ file: payloadFiles.custody, seq }],
      async tamper(attacker) {
        attacker.edit(payloadFiles.keys, (text) => withKey(text, stranger));
        const signers = (): ((kid: string) => ForgerKey) => {
          let at = 0;
          return (kid) => (at++ < seq ? owner(kid) : stranger);
        };
        await attacker.signAnew(signers());
        await attacker.reportAnew(signers());
      },
    };
  }
}

function withKey(text: string, { publicKey, kid }: ForgerKey): string {
  const set = JSON.parse(text) as { keys: object[] };
  return `${JSON.stringify({ keys: [...set.keys, { ...publicKey.export({ format: 'jwk' }), kid }] })}\n`;
}

/** What the service's own keys have signed and still does not fit. */
export function* signedFalsely(owner: (kid: string) => ForgerKey): Generator<TamperCase> {
  const signing = (name: string, found: TamperCase['found'], edit: (entry: CustodyEntry) => CustodyEntry): TamperCase => ({
    name,
    found,
    tamper: (attacker) => attacker.signAnew(owner, edit),
  });
  const { custody, register, keys } = payloadFiles;
  yield signing('another requester in the request', [{ file: tagFiles.info }], (entry) =>
    entry.act === 'run.requested'
      ? { ...entry, detail: { ...entry.detail, request: { ...(entry.detail['request'] as object), caseId: 'other' } } }
      : entry,
  );
  yield signing('another act at the start', [{ file: custody, seq: 0 }], (entry) => (entry.seq === 0 ? { ...entry, act: 'step.started' } : entry));
  yield signing('another digest of a record', [{ file: payloadFiles.steps }], (entry) =>
    entry.act === 'step.finished' ? { ...entry, detail: { ...entry.detail, record: '0'.repeat(64) } } : entry,
  );
  yield signing('another digest of a report', [{ file: payloadFiles.json }], (entry) =>
    entry.act === 'report.written' ? { ...entry, detail: { ...entry.detail, html: '0'.repeat(64) } } : entry,
  );
  yield {
    name: 'an entry of the register about another run',
    found: [{ file: register }],
    async tamper(attacker) {
      attacker.edit(register, (text) => text.replaceAll(attacker.chain()[0]?.run ?? '', 'r0000000000000000000'));
      await attacker.signAnew(owner);
    },
  };
  yield {
    name: 'an entry of the register about what is no name',
    found: [{ file: register }],
    async tamper(attacker) {
      const [first = '', ...rest] = attacker.lines(register);
      const entry = JSON.parse(first) as CustodyEntry;
      const nameless = { ...entry, subject: undefined, detail: { ...entry.detail, run: { toString: 1, valueOf: 1 } } };
      attacker.writeLines(register, [JSON.stringify(nameless), ...rest]);
      await attacker.signAnew(owner);
    },
  };
  yield {
    name: 'a register that never heard of the report',
    found: [{ file: register }],
    async tamper(attacker) {
      attacker.writeLines(register, attacker.lines(register).slice(0, 1));
      await attacker.signAnew(owner);
    },
  };
  yield {
    name: 'a run that was never sealed',
    found: [{ file: custody }],
    async tamper(attacker) {
      const seal = attacker
        .chain()
        .findIndex(({ act, detail }) => act === 'run.checkpoint' && payloadOf(String(detail['jws'])).contents === undefined);
      attacker.writeLines(custody, attacker.lines(custody).toSpliced(seal, 1));
      attacker.writeLines(register, attacker.lines(register).slice(0, 1));
      await attacker.signAnew(owner);
    },
  };
  yield {
    name: 'keys that are called other than they are',
    found: [{ file: keys }],
    async tamper(attacker) {
      attacker.edit(keys, (text) => text.replaceAll(attacker.chain()[0]?.by ?? '', '0123456789abcdef'));
      await attacker.signAnew(owner);
    },
  };
}
