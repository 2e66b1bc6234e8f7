// Adds up test results and prints the one closing line: node count.js FOLDER PROJECT..., with PROJECT.json of Vitest and its exit status in
// PROJECT.status. Exit status 1 when a test failed, a project did not come to its end, or no test ran.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '', ...projects] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;

function count(project) {
  const result = JSON.parse(readFileSync(join(folder, `${project}.json`), 'utf8'));
  const status = readFileSync(join(folder, `${project}.status`), 'utf8').trim();
  passed += result.numPassedTests;
  skipped += result.numPendingTests + result.numTodoTests;
  // A file that does not load, and one whose hook or whose process fails, may have no test that failed.
  const broken = result.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'));
  const here = result.numFailedTests + broken.length;
  // Nor has an error outside of all tests, which is in the exit status only.
  failed += here === 0 && status !== '0' ? 1 : here;
}

for (const project of projects) {
  try {
    count(project);
  } catch {
    process.stdout.write(`${project} has not come to its end\n`);
    failed += 1;
  }
}
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
