import { describe, expect, it } from 'vitest';
import { takeApart } from '../../../playbooks/acquisition/processes/process-sections.js';

function apart(printed: Record<string, string>): Record<string, string> {
  const sections = takeApart(new Map(Object.entries(printed).map(([name, text]) => [name, Buffer.from(text, 'latin1')])));
  return Object.fromEntries([...sections].map(([name, data]) => [name, data.toString('latin1')]));
}

describe('takeApart', () => {
  it('tells apart what is printed together, also where some of it is not there', () => {
    const first = (before: string, cgroups: string) => apart({ first: `${before}\n\nroot.1 7\nticks 100\n\n${cgroups}\n\n1/cgroup:x\n` });
    expect(first('12/stat\0x (a\n12/stat\0b)\n', '12/cgroup:x')).toMatchObject({
      before: '12/stat\0x (a\n12/stat\0b)\n',
      'root.1': '7\n',
      ticks: '100\n',
      cgroups: '12/cgroup:x\n',
      inits: '1/cgroup:x\n',
    });
    expect(first('12/stat\0cut', '')).toMatchObject({ before: '12/stat\0cut\n', 'root.1': '7\n', cgroups: '\n', inits: '1/cgroup:x\n' });
  });

  it('gives each line to the section that it begins with, and leaves one out that was cut', () => {
    expect(apart({ spaces: 'networks net:[1] 2/ns/net\ntable.tcp.net:[1] a b\ntable.tcp.net:[1] end\ndescriptors 2/fd socket:[5' })).toEqual({
      networks: 'net:[1] 2/ns/net\n',
      'table.tcp.net:[1]': 'a b\nend\n',
    });
  });

  it('lets a section that a reader never came to lack its end', () => {
    expect(apart({ files: 'identities 2/exe 7:1 1 10\n' })).toEqual({ identities: '2/exe 7:1 1 10\n', filesystems: '' });
  });

  it('tells arguments from variables by the name of the file, whatever they hold', () => {
    const texts = '2/cmdline\0' + '3/environ\0' + '2/cmdline\0end\0' + 'version\0v\0' + '2/environ\0A=\0' + 'self/environ\0B=\0' + 'end\0\0';
    expect(apart({ texts })).toEqual({ arguments: '2/cmdline\x003/environ\x002/cmdline\0end\0end\0\0', environments: '2/environ\0A=\0end\0\0' });
  });

  it('holds what lacks its last file to be cut', () => {
    const arguments_ = '2/cmdline\0x\0';
    expect(apart({ texts: `${arguments_}self/environ\0B=\0end\0\0` })).toEqual({ arguments: arguments_, environments: 'end\0\0' });
    expect(apart({ texts: `${arguments_}version\0v\0end\0\0` })).toEqual({ arguments: `${arguments_}end\0\0`, environments: '' });
  });

  it('holds neither to be whole where something else stands among them: a text was cut, and names are texts from there on', () => {
    const texts = '2/cmdline\0sl' + '2/environ\0A=\0' + '2/environ\0B=\0' + 'version\0v\0self/environ\0B=\0end\0\0';
    const { arguments: lines, environments } = apart({ texts });
    expect([lines, environments].map((text) => text?.endsWith('end\0\0'))).toEqual([false, false]);
  });

  it('holds neither to be whole where both were cut', () => {
    expect(apart({ texts: '2/cmdline\0x\x002/environ\0A' })).toEqual({ arguments: '2/cmdline\0x\0', environments: '' });
  });
});
