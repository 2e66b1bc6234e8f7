import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BagInfo, bagInfoText } from '../../../playbooks/bag/bag-info.js';

const target = { cluster: 'default', namespace: 'shop', pod: 'web-0' };
const info: BagInfo = { run: 'r1', target, baggedAt: new Date('2026-11-26T23:59:59Z'), octets: 1_234, files: 5 };
const labels = [
  'Source-Organization',
  'External-Identifier',
  'Internal-Sender-Identifier',
  'Internal-Sender-Description',
  'Podtriage-Examiner',
  'Podtriage-Target',
  'Bagging-Date',
  'Payload-Oxum',
  'Bag-Software-Agent',
];

test('what is known of a bag is in it, what nobody has given is not', () => {
  const given = { organisation: 'ACME Čeština 日本', caseId: 'C-1', examiner: 'Zoë: O’Neil', reason: ' why ' };
  expect(bagInfoText({ ...info, ...given, target: { ...target, container: 'nginx' } })).toBe(
    [
      'Source-Organization: ACME Čeština 日本',
      'External-Identifier: r1',
      'Internal-Sender-Identifier: C-1',
      'Internal-Sender-Description: why',
      'Podtriage-Examiner: Zoë: O’Neil',
      'Podtriage-Target: default/shop/web-0/nginx',
      'Bagging-Date: 2026-11-26',
      'Payload-Oxum: 1234.5',
      'Bag-Software-Agent: podtriage',
      '',
    ].join('\n'),
  );
  const bare = bagInfoText(info);
  expect(bare).not.toMatch(/Organization|Internal|Examiner/);
  expect(bagInfoText({ ...info, caseId: ' \n ', examiner: '' })).not.toContain('Examiner');
});

test('no text of the caller makes a line or a label', () => {
  const breaks = fc.constantFrom(
    '\n',
    '\r',
    '\r\n',
    '\u0085',
    '\u2028',
    '\u2029',
    '\v',
    '\f',
    '\n Payload-Oxum: 0.0',
    '\nBagging-Date: x',
    '\ufeff',
    '\0',
  );
  const text = fc.array(fc.oneof(breaks, fc.string({ unit: 'binary' })), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, text, text, (caseId, organisation, examiner, reason) => {
      const written = bagInfoText({ ...info, caseId, organisation, examiner, reason });
      // All that any reader takes for a line break.
      const lines = written.split(/\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/);
      expect(lines.pop()).toBe('');
      const found = lines.map((line) => /^([A-Za-z-]+): \S/.exec(line)?.[1]);
      expect(found).toEqual(labels.filter((label) => found.includes(label)));
      expect(lines.find((line) => line.startsWith('Payload-Oxum'))).toBe('Payload-Oxum: 1234.5');
      expect(Buffer.from(written).toString()).toBe(written);
    }),
  );
});
