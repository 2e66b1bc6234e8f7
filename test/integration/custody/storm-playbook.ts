/** The playbook of the storm's runs, as their requests pin it. */
export const stormPlaybook = {
  name: 'storm',
  title: 'Storm',
  sha256: 'a'.repeat(64),
  steps: [
    { name: 'take', queue: 'evidence', attempts: 1 },
    { name: 'report', queue: 'evidence', attempts: 1 },
  ],
} as const;
