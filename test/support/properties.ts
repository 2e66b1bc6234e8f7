// On the continuous integration the cases of property tests are the same each time, so that what fails there is the change. New cases are looked for
// wherever else the tests run.
if (process.env['CI'] !== undefined) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: 1 });
}
