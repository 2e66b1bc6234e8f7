import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSurvey } from '../../../playbooks/acquisition/processes/process-script.js';
import { localNode } from '../../support/local-node.js';
import { sleepProgram } from '../../support/program.js';
import { sha256Of, until } from '../../support/wait.js';
import { rowOf, withProcesses } from './process-stand.js';

const sleepSha256 = sha256Of(readFileSync(sleepProgram));
const stand = withProcesses();

describe('what goes wrong on the node', () => {
  it('a reader of arguments that is killed is no answer: they are read once more, one process at a time', async () => {
    stand().instead('grep', 'case "$*" in "-szZaH "*cmdline*) /usr/bin/grep "$@" | head -c 20; kill -9 $$ ;; esac\nexec /usr/bin/grep "$@"');
    const child = await stand().started(sleepProgram, ['1000', '0'], { env: { FIRST: '1', SECOND: '2' } });
    const row = rowOf((await stand().list()).rows, child);
    expect(row?.arguments.map(({ text }) => text)).toEqual([sleepProgram, '1000', '0']);
    expect(row?.environment.map(({ text }) => text)).toEqual(['FIRST', 'SECOND']);
  });

  it('a reader of arguments that gives up in the middle is none either', async () => {
    stand().instead('grep', 'case "$*" in "-szZaH "*cmdline*) exit 2 ;; esac\nexec /usr/bin/grep "$@"');
    const child = await stand().started(sleepProgram, ['1000', '0']);
    expect(rowOf((await stand().list()).rows, child)?.arguments.map(({ text }) => text)).toEqual([sleepProgram, '1000', '0']);
  });

  it('what the other way cannot read to its end either is said to be cut, of that process alone', async () => {
    const child = await stand().started(sleepProgram, ['1000', '0'], { env: { FIRST: '1', SECOND: '2' } });
    const limit = join(stand().folder, 'limit');
    stand().instead(
      'grep',
      `case "$*" in
      "-szZaH "*cmdline*) exit 2 ;;
      *"-szaoE "*" ${child.pid}/environ") ulimit -v >'${limit}'; printf 'FIRST=\\000SEC'; kill -9 $$ ;;
      esac
      exec /usr/bin/grep "$@"`,
    );
    stand().instead('head', `case "$*" in *" ${child.pid}/cmdline") printf '${sleepProgram}\\000'; kill -9 $$ ;; esac\nexec /usr/bin/head "$@"`);
    const { rows } = await stand().list();
    const row = rowOf(rows, child);
    expect(row).toMatchObject({ argumentsCut: true, environmentCut: true });
    expect(row?.arguments.map(({ text }) => text)).toEqual([sleepProgram]);
    expect(row?.environment.map(({ text }) => text)).toEqual(['FIRST']);
    expect(Number(readFileSync(limit, 'utf8'))).toBeGreaterThan(0);
    const init = rowOf(rows, stand().init);
    expect([init?.argumentsCut, init?.environmentCut, init?.arguments.length]).toEqual([undefined, undefined, 2]);
    expect(stand().local.gaps).toContainEqual(expect.objectContaining({ subject: 'processes', reason: 'could-not-read' }));
  });

  it('an executable whose reader is killed is seen the other way', async () => {
    stand().instead('stat', 'case "$*" in "-L --printf identities"*) kill -9 $$ ;; esac\nexec /usr/bin/stat "$@"');
    const child = await stand().started(sleepProgram, ['1000', '0']);
    expect(rowOf((await stand().list()).rows, child)?.executable).toMatchObject({ sha256: sleepSha256 });
  });

  it.each([
    ['awk, killed', 'awk', 'case $* in *spaces*) kill -9 $$ ;; esac\nexec /usr/bin/awk "$@"'],
    ['awk, with an error', 'awk', 'case $* in *spaces*) exit 2 ;; esac\nexec /usr/bin/awk "$@"'],
    ['find, killed', 'find', 'case "$*" in *socket:*) /usr/bin/find "$@" | head -n 3; kill -9 $$ ;; esac\nexec /usr/bin/find "$@"'],
  ])('without the whole answer of %s sockets are said to be missing', async (_what, name, script) => {
    stand().instead(name, script);
    await stand().list();
    expect(stand().local.gaps.map(({ subject }) => subject)).toEqual(expect.arrayContaining(['sockets', 'mount namespaces']));
  });

  const later = '[ -e "$0.once" ] || { touch "$0.once"; exec /usr/bin/grep "$@"; }; ';
  it.each([
    ['states of processes', 'grep', '"-saZH  "*', '', '-n -1'],
    ['states of processes, the second time', 'grep', '"-saZH  "*', later, '-n -1'],
    ['users of processes and the time of the boot', 'grep', '*btime*', '', '-n -1'],
    ['links', 'find', '*"/exe "*"%l"*', '', '-c -8'],
    ['cgroups', 'grep', '"-sHE -m 1 -e "*[0-9]/cgroup*', '', '-n -1'],
    ['cgroups of the first processes', 'grep', '"-sHE -m 1 -e "*[0-9]/cgroup*', later, '-n -1'],
    ['what was found', 'sort', '*', '', '-n -1'],
    ['what was found, in order', 'awk', '*most=*"NR <= most"*', '', '-n -1'],
    ['what was read first', 'base64', '*', '', '-c -300'],
  ])('a reader of %s that is killed makes no process look ended', async (_what, name, reads, first, all) => {
    await stand().started(sleepProgram, ['1000', '0']);
    stand().instead(name, `case "$*" in ${reads}) ${first}/usr/bin/${name} "$@" | head ${all}; kill -9 $$ ;; esac\nexec /usr/bin/${name} "$@"`);
    await expect(stand().list()).rejects.toMatchObject({ code: 'transfer-truncated' });
  });

  it('an awk that cannot run is said to be missing', async () => {
    stand().instead('awk', 'exit 127');
    await expect(stand().list()).rejects.toMatchObject({ code: 'tool-missing' });
  });
});

describe('a process that would rather not be seen', () => {
  it('is found in a cgroup whose name has a carriage return', async () => {
    const child = await stand().started(sleepProgram, ['1000', '0'], { below: 'a\rb' });
    expect(rowOf((await stand().list()).rows, child)).toBeDefined();
  });

  it('does not make the answer too long by the number of its groups', async () => {
    const script = 'import os, time; os.setgroups([4294967294] * 65536); time.sleep(1000)';
    const child = await stand().started('/usr/bin/python3', ['-c', script]);
    await until(() => readFileSync(`/proc/${child.pid}/status`, 'latin1').length > 100_000);
    const sections = await runSurvey(localNode(), [stand().container()], false, AbortSignal.timeout(60_000));
    expect(sections.get('before')?.length).toBeLessThan(10_000);
  });
});
