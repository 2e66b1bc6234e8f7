import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Alert, alertSchema } from '../../../playbooks/domain/trigger.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import { isPodAlert, mayFit, requestOf, ruleFor } from '../../../playbooks/triggers/match.js';
import { fitsGlob } from '../../../playbooks/triggers/text-glob.js';

function alert(more: object = {}): Alert {
  return alertSchema.parse({
    intake: 'falco',
    fingerprint: 'a'.repeat(64),
    rule: 'Terminal shell in container',
    priority: 'warning',
    at: '2026-11-26T12:00:00.000Z',
    suspect: { target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } },
    ...more,
  });
}

function nameFor(rules: string, told: Alert): string | undefined {
  return isPodAlert(told) ? ruleFor(parseIntakes('intakes.yaml', `rules: ${rules}`).rules, told)?.name : undefined;
}

describe('rules', () => {
  it('take the first that fits', () => {
    expect(nameFor('[{ name: a, namespaces: [other] }, { name: b, enabled: false }, { name: c }, { name: d }]', alert())).toBe('c');
  });

  it.each([
    ['intakes: [falco, slack]', true],
    ['intakes: [alertmanager]', false],
    ['alertRules: ["terminal shell*"]', true],
    ['alertRules: ["Miner", "Terminal shell in container"]', true],
    ['alertRules: ["shell"]', false],
    ['minPriority: warning', true],
    ['minPriority: debug', true],
    ['minPriority: error', false],
    ['namespaces: ["sho?", x]', true],
    ['namespaces: ["shop-*"]', false],
    ['clusters: [default]', true],
    ['clusters: [east]', false],
    ['intakes: [falco], minPriority: error', false],
  ])('with %s fit: %s', (fields, fits) => {
    expect(nameFor(`[{ name: a, ${fields} }]`, alert())).toBe(fits ? 'a' : undefined);
  });

  it('can fit an alert whose pod is not known yet, whatever they say of namespaces', () => {
    const told = alert({ suspect: { containerId: { cluster: 'default', id: '69d22f20d812' } } });
    const { rules } = parseIntakes('x', 'rules: [{ name: a, namespaces: [shop], alertRules: ["Terminal*"] }]');
    expect(mayFit(rules, told)).toBe(true);
    expect(mayFit(rules, { ...told, rule: 'Other' })).toBe(false);
  });

  it('ask for a run of the whole pod, in the words of the rule', () => {
    const told = alert({ suspect: { target: { cluster: 'default', namespace: 'shop', pod: 'web-0', container: 'web' } } });
    const [rule] = parseIntakes('x', 'rules: [{ name: shells, notify: [soc], options: { acquire: hashes, lookups: { budget: 5 } } }]').rules;
    expect(isPodAlert(told) && requestOf(rule!, told)).toMatchObject({
      target: { cluster: 'default', namespace: 'shop', pod: 'web-0' },
      playbook: 'a-f-02',
      reason: 'alert "Terminal shell in container" by falco, rule "shells"',
      notify: ['soc'],
      options: { priority: 'webhook', acquire: 'hashes', lookups: { budget: 5 } },
    });
    expect(isPodAlert(told) && requestOf(rule!, told).target.container).toBeUndefined();
  });
});

describe('the file of intakes', () => {
  it.each([
    ['rules: [{ name: a, cooldownMinutes: -1 }]', 'rules[0] "a" cooldownMinutes'],
    ['rules: [{ name: a, cooldown: 5 }]', 'rules[0] "a"'],
    ['rules: [{ name: a }, { name: a }]', 'rules[1] "a" name: there is another one named "a"'],
    ['rules: [{ name: A b }]', 'rules[0] "A b" name'],
    ['rules: [{ name: a, minPriority: high }]', 'rules[0] "a" minPriority'],
    ['rules: [{ name: a, options: { acquire: some } }]', 'rules[0] "a" options acquire'],
    ['rules: []', 'rules'],
    [
      'rules: [{ name: a }]\ngeneric: [{ name: g, secretFile: /x, reach: all, fields: { pod: /p } }]',
      'generic[0] "g" fields: must have namespace and pod',
    ],
    ['rules: [{ name: a }]\ngeneric: [{ name: g, secretFile: /x, reach: all, fields: { containerId: p } }]', 'must be a JSON Pointer'],
    ['rules: [{ name: a }]\ngeneric: [{ name: g, secretFile: /x, fields: { containerId: /p } }]', 'generic[0] "g" reach'],
    ['rules: &x [{ name: a }]\nfalco: *x', 'aliases are not allowed'],
    ['rules: [{ name: a }]\nrules: []', 'unique'],
    ['', 'the file'],
  ])('%j is refused with its place', (text, place) => {
    let message = '';
    try {
      parseIntakes('intakes.yaml', text);
    } catch (error) {
      expect(error).toMatchObject({ code: 'config-invalid' });
      message = error instanceof Error ? error.message : '';
    }
    expect(message).toMatch(/^PODTRIAGE_INTAKES: intakes\.yaml: /);
    expect(message).toContain(place);
  });

  it('has careful defaults', () => {
    expect(parseIntakes('x', 'rules: [{ name: a }]').rules[0]).toMatchObject({
      enabled: true,
      playbook: 'a-f-02',
      cooldownMinutes: 60,
      maxRunsPerNamespacePerHour: 20,
      options: { priority: 'webhook' },
    });
  });
});

describe('a pattern', () => {
  it('fits what the same regular expression fits', () => {
    const character = fc.constantFrom('a', 'b', '*', '?', '.', '\ud83d\ude00');
    const short = fc.array(character, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(short, short, (pattern, text) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('?', '.').replaceAll('*', '.*');
        expect(fitsGlob(pattern, text)).toBe(new RegExp(`^${source}$`, 'su').test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is blind to case', () => {
    expect(fitsGlob('WRITE below *', 'Write Below etc')).toBe(true);
  });
});
