/** The house: arrows point down only, and nothing goes round, type imports included. */
const forbid = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to: { path: to } });

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    forbid('playbooks-is-pure', '^playbooks/', '^(store|workers|api|cli|test|bench)/'),
    {
      name: 'playbooks-without-io',
      severity: 'error',
      from: { path: '^playbooks/' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: '^(node:)?(crypto|stream|buffer)$|node_modules/(zod|yaml|canonicalize|jose)/' },
    },
    forbid('store-below-workers-and-api', '^store/', '^(workers|api|cli|test|bench)/'),
    forbid('workers-not-api', '^workers/', '^(api|cli|test|bench)/'),
    forbid('api-not-workers', '^api/', '^(workers|cli|test|bench)/'),
    forbid('cli-on-top', '^(api|workers|store|playbooks)/', '^cli/'),
    { name: 'adapters-know-only-ports', severity: 'error', from: { path: '^workers/adapters/' }, to: { path: '^(store|workers/(?!adapters/))' } },
    { name: 'foreign-shapes-stay-in-adapters', severity: 'error', from: { pathNot: '^(workers/adapters|test|bench)/' }, to: { path: 'node_modules/(@kubernetes/client-node|ssh2|@types/ssh2)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
