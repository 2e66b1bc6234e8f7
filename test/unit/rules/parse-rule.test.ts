import { describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import { parseRule } from '../../../playbooks/rule.js';

const good = `
name: r
title: T
phrase: a thing
summary: S
level: notice
weight: 10
techniques: [T1105]
match:
  - paths: ['a/**']
examples: [{ path: a/b }]
counterExamples: [{ path: b }]
`;

function problem(text: string, file = 'r.yaml'): string {
  try {
    parseRule(file, text);
  } catch (error) {
    if (error instanceof TriageError && error.code === 'playbook-invalid') return error.message;
    throw error;
  }
  return 'no problem';
}

describe('a rule file', () => {
  it('is taken when it is right', () => {
    expect(parseRule('rules/r.yaml', good)).toMatchObject({ name: 'r', level: 'notice', weight: 10, techniques: ['T1105'] });
  });

  it.each([
    ['no YAML', good.replace('name: r', 'name: [r'), 'r.yaml'],
    ['a field that does not exist', `${good}\ncolour: red`, 'colour'],
    ['a field missing', good.replace('summary: S', ''), 'summary'],
    ['a doubled key', `${good}\nname: r`, 'line 14: Map keys must be unique'],
    ['a level that does not exist', good.replace('notice', 'bad'), 'level'],
    ['a weight out of range', good.replace('weight: 10', 'weight: 101'), 'weight'],
    ['no ATT&CK id', good.replace('T1105', 'download'), 'techniques'],
    ['a condition that does not exist', good.replace('paths:', 'path:'), 'path'],
    ['an empty condition', good.replace("paths: ['a/**']", '{}'), 'match'],
    ['a double star in the middle', good.replace('a/**', 'a/**/b'), 'a/**/b'],
    ['three stars in a name', good.replace('a/**', '*a*b*'), 'twice'],
    ['a brace left open', good.replace('a/**', 'a{b'), 'brace'],
    ['a brace closed twice', good.replace('a/**', 'a{b}c}'), 'brace'],
    ['a comma outside braces', good.replace('a/**', 'a,b'), 'brace'],
    ['an expression', good.replace('a/**', '(a+)+$'), 'ASCII names'],
    ['a name that is no ASCII', good.replace('a/**', 'ä'), 'ASCII names'],
    ['a mask that does not exist', good.replace("paths: ['a/**']", 'masks: [beard]'), 'masks'],
    ['an entropy beyond eight bits', good.replace("paths: ['a/**']", 'entropyAtLeast: 9'), 'entropyAtLeast'],
    ['a state of packages that does not exist', good.replace("paths: ['a/**']", 'package: [fine]'), 'package'],
    ['a condition with the wrong answer', good.replace("paths: ['a/**']", 'rotated: true'), 'rotated'],
    ['a ground for a notice that does not exist', `${good}\nnoticeIf: [old]`, 'noticeIf'],
    ['a sample with a field that does not exist', good.replace('{ path: b }', '{ path: b, colour: red }'), 'counterExamples'],
    ['no example', good.replace('[{ path: a/b }]', '[]'), 'examples'],
    ['a mode that is a number', good.replace('{ path: a/b }', '{ path: a/b, mode: 4755 }'), 'mode'],
    ['an alias', good.replace("['a/**']", '&p [x]').replace('examples:', 'x: *p\nexamples:'), 'aliases'],
  ])('is refused by file and field: %s', (_name, text, word) => {
    const message = problem(text);
    expect(message).toMatch(/^r\.yaml: /);
    expect(message).toContain(word);
  });

  it('must be called like its rule', () => {
    expect(problem(good, 'other.yaml')).toContain('r.yaml');
  });
});
