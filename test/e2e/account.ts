import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { kubectl, lab } from './lab.js';

/** Writes a kubeconfig with nothing but a token of a service account in namespace `podtriage`, asked for by TokenRequest. */
export async function accountKubeconfig(file: string, account = 'podtriage'): Promise<void> {
  const token = (await kubectl('create', 'token', account, '-n', 'podtriage', '--duration', '2h')).trim();
  const { clusters } = parse(readFileSync(lab.kubeconfig, 'utf8')) as { clusters: { name: string }[] };
  const context = { cluster: clusters[0]?.name, user: account };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters,
    users: [{ name: account, user: { token } }],
    contexts: [{ name: account, context }],
    'current-context': account,
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
}
