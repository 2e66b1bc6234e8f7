// Adds up test results and prints what failed and the one closing line: node count.js FOLDER PROJECT..., with PROJECT.json of Vitest, its exit
// status in PROJECT.status, and what hook-failures.js says in PROJECT.hooks.json. Exit status 1 when a test failed, a project did not come to its end, or no test ran.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Lines about failures at most: logs are often cut to their end. */
const shown = 15;

const [folder = '', ...projects] = process.argv.slice(2);
const told = [];
let passed = 0;
let failed = 0;
let skipped = 0;

function say(what, project, name, messages) {
  const [first = ''] = (messages[0] ?? '').split('\n');
  told.push(`${what}: ${project} > ${name}${first === '' ? '' : ` - ${first.slice(0, 300)}`}`);
}

function countFile(project, file, hooks) {
  const name = relative(process.cwd(), file.name);
  const failures = file.assertionResults.filter((test) => test.status === 'failed');
  for (const test of failures) say('failed', project, `${name} > ${test.fullName}`, test.failureMessages);
  // Only a test that was tried again has both.
  const flaky = file.assertionResults.filter((test) => test.status === 'passed' && test.failureMessages.length > 0);
  for (const test of flaky) say('passed when tried again', project, `${name} > ${test.fullName}`, test.failureMessages);
  // A file that does not load, and one whose hook or whose process fails, may have no test that failed.
  const isBroken = file.status === 'failed' && failures.length === 0;
  const ofHooks = hooks.filter((hook) => hook.file === file.name);
  for (const hook of ofHooks) say('failed', project, `${name} > ${hook.name}, a hook`, [hook.message]);
  if (isBroken && ofHooks.length === 0) say('failed', project, name, [file.message]);
  return isBroken ? 1 : failures.length;
}

function count(project) {
  const result = JSON.parse(readFileSync(join(folder, `${project}.json`), 'utf8'));
  const hooks = JSON.parse(readFileSync(join(folder, `${project}.hooks.json`), 'utf8'));
  const status = readFileSync(join(folder, `${project}.status`), 'utf8').trim();
  passed += result.numPassedTests;
  skipped += result.numPendingTests + result.numTodoTests;
  const here = result.testResults.reduce((sum, file) => sum + countFile(project, file, hooks), 0);
  failed += here;
  if (here > 0 || status === '0') return;
  failed += 1;
  say('failed', project, 'an error outside of all tests, see its output above', []);
}

for (const project of projects) {
  try {
    count(project);
  } catch {
    say('failed', project, 'has not come to its end', []);
    failed += 1;
  }
}
told.sort();
if (told.length > shown) told.splice(shown, told.length, `and ${told.length - shown} more, see above`);
process.stdout.write([...told, `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`, ''].join('\n'));
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
