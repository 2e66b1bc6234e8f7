import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSlackCommand } from '../../../api/intake/slack-command.js';
import { helpText, whisper } from '../../../api/intake/slack-reply.js';
import { seal, unseal } from '../../../playbooks/delivery/sealed.js';
import { escapeSlack, plainText } from '../../../playbooks/delivery/slack-text.js';
import { targetSchema } from '../../../playbooks/domain/request.js';
import { contentOf, markupOf } from '../../emulators/slack-rules.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 500 }),
  fc.string({ unit: fc.constantFrom(...Array.from('<>&@!*_~`:|/#x \n\t\u202e\u0000\ud800')), maxLength: 200 }),
);

describe('a command', () => {
  it.each([
    ['shop/web-0', { what: 'triage', target: { cluster: 'main', namespace: 'shop', pod: 'web-0' } }],
    ['  shop/web-0   proxy ', { what: 'triage', target: { cluster: 'main', namespace: 'shop', pod: 'web-0', container: 'proxy' } }],
    ['east:shop/web-0', { what: 'triage', target: { cluster: 'east', namespace: 'shop', pod: 'web-0' } }],
    ['shop/web.0.a', { what: 'triage', target: { cluster: 'main', namespace: 'shop', pod: 'web.0.a' } }],
    ['', { what: 'help' }],
    ['HELP', { what: 'help' }],
    ['status r0abc', { what: 'status', run: 'r0abc' }],
    ['cancel r0abc', { what: 'cancel', run: 'r0abc' }],
    ['status', { what: 'unclear' }],
    ['status r0abc:custody', { what: 'unclear' }],
    ['cancel R0', { what: 'unclear' }],
    ['shop/web-0 proxy more', { what: 'unclear' }],
    ['shop/Web', { what: 'unclear' }],
    ['shop/web/x', { what: 'unclear' }],
    ['a:b:shop/web', { what: 'unclear' }],
    ['shop/<!channel>', { what: 'unclear' }],
    ['shop/../kube-system', { what: 'unclear' }],
    [`shop/${'a'.repeat(254)}`, { what: 'unclear' }],
  ])('%j is understood', (text, command) => {
    expect(parseSlackCommand(text, 'main')).toEqual(command);
  });

  it('gives names of Kubernetes only, whatever is typed', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const command = parseSlackCommand(text, 'main');
        if (command.what === 'triage') expect(targetSchema.parse(command.target)).toEqual(command.target);
        if (command.what === 'status' || command.what === 'cancel') expect(command.run).toMatch(/^r[0-9a-z]+$/);
        if (command.what === 'unclear') expect(command).toEqual({ what: 'unclear' });
      }),
    );
  });

  it('that is well formed is always understood', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/).filter((word) => word !== 'help');
    fc.assert(
      fc.property(label, label, fc.option(label), fc.option(label), (namespace, pod, cluster, container) => {
        const text = `${cluster === null ? '' : `${cluster}:`}${namespace}/${pod}${container === null ? '' : ` ${container}`}`;
        const target = { cluster: cluster ?? 'main', namespace, pod, ...(container === null ? {} : { container }) };
        expect(parseSlackCommand(text, 'main')).toEqual({ what: 'triage', target });
      }),
    );
  });
});

describe('text for Slack', () => {
  it('has no markup, mention or link of a stranger', () => {
    expect(escapeSlack('<!channel> & <https://x|y> *b* @here')).toBe('&lt;!channel&gt; &amp; &lt;https:\u200b//x|y&gt; *\u200bb*\u200b @\u200bhere');
    fc.assert(fc.property(anyText, (text) => !/[<>]|&(?!amp;|lt;|gt;)/.test(escapeSlack(text))));
  });

  it('is what Slack takes, whatever it is', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 3_000 }), (text, max) => {
        const plain = plainText(text, max);
        expect(plain.text.length).toBeGreaterThan(0);
        expect(plain.text.length).toBeLessThanOrEqual(max);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(plain.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
        const content = contentOf(whisper(text));
        if (typeof content === 'string') throw new Error(content);
        for (const markup of markupOf(content)) expect(markup).not.toMatch(/[<>]/);
      }),
    );
  });

  it('tells how the command is used', () => {
    expect(contentOf(whisper(helpText))).toMatchObject({ blocks: [{ text: { type: 'plain_text', text: helpText } }] });
  });
});

describe('a sealed address', () => {
  const url = 'https://hooks.slack.com/commands/T0/1/abc';

  it('is opened by who has the secret, for what it was sealed for', () => {
    const sealed = seal('a secret of the app', 'r0/soc', url);
    expect(sealed).not.toContain('hooks');
    expect(unseal('a secret of the app', 'r0/soc', sealed)).toBe(url);
    expect(unseal('another secret', 'r0/soc', sealed)).toBeUndefined();
    expect(unseal('a secret of the app', 'r1/soc', sealed)).toBeUndefined();
    expect(seal('a secret of the app', 'r0/soc', url)).not.toBe(sealed);
  });

  it('that was altered is none', () => {
    const bytes = Buffer.from(seal('secret', 'r0/soc', url), 'base64url');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const other = Buffer.from(bytes);
        other[at] = (other[at] ?? 0) ^ by;
        expect(unseal('secret', 'r0/soc', other.toString('base64url'))).toBeUndefined();
      }),
    );
    fc.assert(fc.property(anyText, (text) => unseal('secret', 'r0/soc', text) === undefined));
  });
});
