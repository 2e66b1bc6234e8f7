// A reporter for Vitest: writes which suites had a hook that failed, and why, to $HOOK_FAILURES. Its JSON report has none of that: the tests of such a
// suite are skipped in it, and no message says so.
import { writeFileSync } from 'node:fs';

export default class HookFailures {
  onTestRunEnd(modules) {
    const suites = modules.flatMap((module) => [...module.children.allSuites()].map((suite) => [module.moduleId, suite]));
    const failures = suites.flatMap(([file, suite]) => suite.errors().map(({ message }) => ({ file, name: suite.fullName, message })));
    writeFileSync(process.env.HOOK_FAILURES, JSON.stringify(failures));
  }
}
