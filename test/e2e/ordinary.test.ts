import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../playbooks/domain/change.js';
import type { Finding } from '../../playbooks/domain/verdict.js';
import { apply, createPod, deletePod, inPod, kubectl, lab, podManifest } from './lab.js';
import { TestService } from './service.js';

/** What containers do of themselves, as the lab's image can do it; each ends in a process that stays. */
const ordinary: Readonly<Record<string, string>> = {
  'nginx-renders': `
    mkdir -p /etc/nginx/conf.d
    printf 'server_name %s;\\n' "$HOSTNAME" >/etc/nginx/conf.d/default.conf
    sed -i "s/index index.html;/index index.html $HOSTNAME.html;/" /etc/nginx/nginx.conf
    exec nginx -e stderr -g 'daemon off;'`,
  'log-rotation': `
    mkdir -p /var/log/nginx
    gzip -c /var/log/app.log >/var/log/app.log.1.gz
    : >/var/log/app.log
    echo line >/var/log/nginx/access.log
    mv /var/log/nginx/access.log /var/log/nginx/access.log.1
    : >/var/log/nginx/access.log
    exec sleep 1000000`,
  'python-service': `
    mkdir -p /opt/app/__pycache__ /usr/lib/python3.12/__pycache__
    printf '\\313\\r\\r\\n\\000\\000\\000\\000code' | tee /opt/app/__pycache__/main.cpython-312.pyc >/usr/lib/python3.12/__pycache__/os.cpython-312.pyc
    exec sleep 1000000`,
  'java-service': `
    mkdir -p /tmp/hsperfdata_root
    head -c 32768 /dev/zero >/tmp/hsperfdata_root/1
    exec sleep 1000000`,
  'caches-and-keys': `
    mkdir -p /run/sshd /var/cache/fontconfig /var/lib/apt/lists /opt/app/node_modules/.cache/babel /etc/ssh /usr/share/zoneinfo/Europe
    echo 1 >/run/app.pid
    printf '\\004\\000\\000\\000\\n' >/var/cache/fontconfig/0123-le64.cache-8
    echo 'Package: x' >/var/lib/apt/lists/deb.example_dists_stable_main_binary-amd64_Packages
    echo '{}' >/opt/app/node_modules/.cache/babel/a.json
    echo '-----BEGIN OPENSSH PRIVATE KEY-----' >/etc/ssh/ssh_host_ed25519_key
    echo 'ssh-ed25519 AAAA root@host' >/etc/ssh/ssh_host_ed25519_key.pub
    echo Europe/Vienna >/etc/timezone
    ln -s /usr/share/zoneinfo/Europe/Vienna /etc/localtime
    exec sleep 1000000`,
  'package-upgrade': `
    sleep 13
    mkdir -p /var/lib/dpkg/info /usr/lib
    tail -c +1 /bin/busybox >/usr/sbin/tool
    echo upgraded >>/usr/sbin/tool
    chmod 755 /usr/sbin/tool
    printf '#!/bin/sh\\nexit 0\\n' >/var/lib/dpkg/info/tool.postinst
    (cd / && md5sum usr/sbin/tool >/var/lib/dpkg/info/tool.md5sums)
    printf '/.\\n/usr\\n/usr/sbin\\n/usr/sbin/tool\\n' >/var/lib/dpkg/info/tool.list
    printf 'Package: tool\\nStatus: install ok installed\\nMaintainer: x <x@example.com>\\nArchitecture: amd64\\nVersion: 1.2-3\\nDescription: x\\n\\n' >/var/lib/dpkg/status
    printf '\\177cache' >/etc/ld.so.cache
    echo 'status installed tool 1.2-3' >>/var/log/dpkg.log
    exec sleep 1000000`,
};

let service: TestService;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(async () => {
  for (const { name } of lab.nodes) for (const pod of [`ord-life-${name}`, `ord-evil-${name}`]) await deletePod(pod);
  await service.stop();
}, 120_000);

async function judged(pod: string): Promise<{ level: string | undefined; findings: readonly Finding[]; changes: Change[] }> {
  const run = await service.triage(pod);
  expect(run.state).toBe('completed');
  const { findings } = (await service.api(`/runs/${run.id}/report?format=json`)).body as { findings: Finding[] };
  return { level: run.verdict, findings, changes: await service.rows<Change>(run.id, 'changes') };
}

async function ordinaryPod(name: string, node: string): Promise<void> {
  const manifest = podManifest(name, node) as { spec: { containers: object[] } };
  const containers = Object.entries(ordinary).map(([container, script]) => ({
    name: container,
    image: lab.image,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', script],
  }));
  await apply({ ...manifest, spec: { ...manifest.spec, containers } });
  await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=240s');
  for (let log = ''; !log.includes('dpkg.log'); )
    log = await kubectl('exec', name, '-c', 'package-upgrade', '--', '/bin/sh', '-c', 'ls /var/log; true');
}

describe.each(lab.nodes.map(({ name }) => [name]))('on %s', (node) => {
  it('the ordinary life of containers is not suspicious', async () => {
    const pod = `ord-life-${node}`;
    await ordinaryPod(pod, node);
    const { level, findings, changes } = await judged(pod);
    const written = (container: string) => changes.some((change) => change.container === container && change.origin === 'container');
    expect(Object.keys(ordinary).filter((container) => !written(container))).toEqual([]);
    expect(findings.filter((finding) => finding.level !== 'notice')).toEqual([]);
    expect(level).toBe('inconclusive');
    const fired = findings.map(({ rule, subject }) => `${subject?.container ?? ''} ${rule}`);
    expect(fired).toEqual(expect.arrayContaining(['nginx-renders server-configuration-rendered', 'package-upgrade package-upgraded']));
  }, 180_000);

  it('the same places in other hands are', async () => {
    const pod = `ord-evil-${node}`;
    await createPod(pod, node);
    // The container is set up when its server has its processes; what is written with them is not told from that.
    await new Promise((done) => setTimeout(done, 4_000));
    await inPod(
      pod,
      `cp -p /etc/nginx/nginx.conf /tmp/old
       echo '# proxy_pass' >>/etc/nginx/nginx.conf
       touch -r /tmp/old /etc/nginx/nginx.conf
       : >/var/log/app.log
       cat /bin/busybox >'/usr/local/bin/[kworker'; chmod 755 '/usr/local/bin/[kworker'
       printf '#!/bin/sh\\n' >/var/www/html/cat.jpg.sh
       printf '#!/bin/sh\\n/tmp/x -o stratum+tcp://pool.example.com:3333\\n' >'/opt/run '`,
    );
    const { level, findings } = await judged(pod);
    expect(level).toBe('suspicious');
    const fired = findings.filter((finding) => finding.level === 'suspicious').map(({ rule, subject }) => `${rule} ${subject?.path.text ?? ''}`);
    expect(fired).toEqual(
      expect.arrayContaining([
        'server-configuration-changed etc/nginx/nginx.conf',
        'timestamps-kept etc/nginx/nginx.conf',
        'log-truncated var/log/app.log',
        'kernel-thread-name usr/local/bin/[kworker',
        'executable-after-start usr/local/bin/[kworker',
        'double-extension var/www/html/cat.jpg.sh',
        'hidden-name opt/run ',
        'miner-configuration opt/run ',
      ]),
    );
  }, 180_000);
});

it.each(['web-a', 'web-b'])('the planted %s is malicious, and what VirusTotal does not know of it is suspicious', async (pod) => {
  const { level, findings } = await judged(pod);
  expect(level).toBe('malicious');
  const rules = new Set(findings.filter((finding) => finding.level !== 'notice').map(({ rule }) => rule));
  for (const rule of ['lookup-detected', 'web-root-script', 'cron-changed', 'setuid-gained', 'log-deleted', 'script-added'])
    expect(rules).toContain(rule);
});
