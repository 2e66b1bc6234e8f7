import type { CheckName, Problem } from '../../playbooks/bag/findings.js';
import type { Verification } from '../../playbooks/bag/verification.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { table } from './table.js';

const titles: Readonly<Record<CheckName, string>> = {
  structure: 'names and kinds of files',
  declaration: 'bagit.txt and bag-info.txt',
  payload: 'files against the manifest',
  tags: 'files against the tag manifest',
  keys: 'keys',
  chain: 'entries of the chain: links, hashes, signatures',
  checkpoint: 'checkpoints',
  contents: 'files against the signed digest of all',
  register: 'entries of the register',
  records: 'records against their signed entries',
  artifacts: 'contents of artifacts',
  reports: 'reports against what was written',
  facts: 'statements of the report against the records',
};

const states = { holds: 'holds', broken: 'is BROKEN', 'not-checkable': 'cannot be checked' } as const;

/** What was found, for a person. @param what names it; safe to print */
export function verificationText(what: string, found: Verification): string {
  const of = found.run === undefined || found.run === what ? '' : ` (run ${displayText(found.run)})`;
  const parts = [
    `${what}${of} ${states[found.state]}\n`,
    checksText(found),
    found.problems.map(problemText).join(''),
    moreText(found),
    found.notes.map((note) => `${displayText(note)}\n`).join(''),
    ...(found.state === 'not-checkable' ? [] : [coverageText(found), signersText(found)]),
  ];
  return parts.join('');
}

function checksText({ checks }: Verification): string {
  return table(checks.map(({ name, checked, problems }) => [problems === 0 ? '  ok' : '  BAD', String(checked).padStart(8), titles[name]]));
}

function problemText({ where, what, why }: Problem): string {
  const entry = where.seq === undefined ? '' : `${where.file === '' ? '' : ', '}entry ${where.seq}`;
  return `${displayText(where.file)}${entry}: ${displayText(what)}\n  ${why}\n`;
}

function moreText({ checks, problems }: Verification): string {
  const more = checks.reduce((sum, check) => sum + check.problems, 0) - problems.length;
  return more > 0 ? `and ${more} more of the same kinds\n` : '';
}

function coverageText({ coverage }: Verification): string {
  const { sealed, signed, end, register } = coverage;
  const parts = [
    ...(sealed === undefined ? [] : [`sealed up to entry ${sealed.seq} at ${sealed.at ?? ''}`]),
    ...(signed === undefined ? [] : [`the newest checkpoint covers entries up to ${signed.seq} (${signed.at ?? ''})`]),
    ...(end === undefined ? [] : [`the chain ends at entry ${end.seq}`]),
    ...(register === undefined ? [] : [`the register had ${register.seq + 1} entries, head ${register.hash}`]),
  ];
  return parts.length === 0 ? '' : `${parts.join('; ')}\n`;
}

function signersText({ state, signers, pinned }: Verification): string {
  const keys = signers.map(({ kid, entries, pinned: trusted }) => `${displayText(kid)} (${entries} entries${trusted ? ', trusted' : ''})`);
  const by = keys.length === 0 ? '' : `signed by ${keys.join(', ')}\n`;
  if (state !== 'holds') return by;
  return pinned
    ? `${by}consistent, and every signer is one of the keys that you trust\n`
    : `${by}consistent, signer not pinned: nothing contradicts itself, but whoever has made it chose the keys; name the keys you trust with --key FILE\n`;
}
