import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { kubectl, lab } from './lab.js';
import { TestService } from './service.js';

/** Writes a kubeconfig with nothing but a token of a service account in namespace `podtriage`, asked for by TokenRequest. */
async function accountKubeconfig(file: string, account = 'podtriage'): Promise<void> {
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

/** A service whose workers are that account and nothing else, and the kubeconfig that they have. */
export async function startAsAccount(env: Record<string, string> = {}): Promise<{ readonly service: TestService; readonly kubeconfig: string }> {
  const service = await TestService.start(env);
  await service.kill();
  const kubeconfig = join(service.data, 'account.kubeconfig');
  await accountKubeconfig(kubeconfig);
  await service.spawn({ PODTRIAGE_KUBECONFIG: kubeconfig });
  return { service, kubeconfig };
}
