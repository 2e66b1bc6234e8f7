import { Command, InvalidArgumentError, Option } from 'commander';
import { sha256Schema } from '../playbooks/domain/artifact.js';
import { acquireModes, uploadModes } from '../playbooks/domain/request.js';
import type { Playbook } from '../playbooks/playbook.js';
import type { EvidenceKeeper } from '../store/evidence/keeper.js';
import { assertThere, evidenceText, openEvidence } from '../store/evidence/open.js';
import { baseChecks } from './base-checks.js';
import { addBatches } from './batch-commands.js';
import { ApiClient } from './client.js';
import { readClientConfig } from './client-config.js';
import { type ArtifactOptions, artifact } from './commands/artifact.js';
import { cancel } from './commands/cancel.js';
import { type DoctorCheck, doctor } from './commands/doctor.js';
import { destroy, hold, release } from './commands/evidence.js';
import { type ExportOptions, exportRuns } from './commands/export.js';
import { type LookupOptions, lookup } from './commands/lookup.js';
import { listPlaybooks, printPermissions, showPlaybook } from './commands/playbooks.js';
import { quota } from './commands/quota.js';
import { type ReportFormat, report, reportFormats } from './commands/report.js';
import { listRuns, type RunsOptions } from './commands/runs.js';
import { type CreateService, serve } from './commands/serve.js';
import { checkStore } from './commands/store.js';
import { type TriageOptions, triage } from './commands/triage.js';
import { type VerifyOptions, verify } from './commands/verify.js';
import { readConfig, type ServiceConfig, type ServiceRole, serviceRoles } from './config.js';
import { addDeliveries } from './delivery-commands.js';
import type { Io } from './io.js';
import { addKeys, addSigningKeys } from './key-commands.js';
import { collected, whole } from './option-values.js';
import { addRuns } from './run-commands.js';
import { type PermissionPart, permissionParts } from './ui/permission-text.js';

/** What only some commands need, and what is slow to load: the client commands do without. */
export interface ServiceParts {
  readonly createService: CreateService;
  /** Checks of clusters, nodes and intelligence sources, beside the base checks. */
  readonly serviceChecks: (config: ServiceConfig) => readonly DoctorCheck[];
  /** The playbooks that come with this program. */
  readonly loadKnowledge: () => Promise<{ readonly playbooks: ReadonlyMap<string, Playbook> }>;
}

/** The commands. Each puts its exit status into `done`. */
export function createProgram(io: Io, version: string, parts: () => Promise<ServiceParts>, done: (code: number) => void): Command {
  const program = new Command('podtriage').description('Triage of a suspected Kubernetes pod.').version(version).exitOverride();
  const connect = async (): Promise<ApiClient> => new ApiClient(await readClientConfig(io.env));
  addTriage(program, io, connect, done);
  addReaders(program, io, connect, done);
  addBatches(program, io, connect, done);
  addEvidence(program, io, connect, done);
  addDesk(program, io, connect, done);
  addDeliveries(program, io, connect, done);
  addPlaybooks(program, io, connect, parts, done);
  program
    .command('serve')
    .description('run API and workers here; without REDIS_URL also a Redis of its own')
    .addOption(new Option('--only <part>', 'run this part only, for processes or machines of their own; needs REDIS_URL').choices(serviceRoles))
    .action(async ({ only }: { only?: ServiceRole }) => done(await serve(io, (await parts()).createService, only)));
  addStore(program, io, done);
  addKeys(program, io, connect, done);
  addSigningKeys(program, io, done);
  program
    .command('doctor')
    .description('check what a run needs: Redis, evidence store, cluster, nodes, VirusTotal, intakes, endpoints')
    .action(async () => {
      const config = await readConfig(io.env);
      done(await doctor(io, [...baseChecks(config), ...(await parts()).serviceChecks(config)]));
    });
  return program;
}

function addStore(program: Command, io: Io, done: (code: number) => void): void {
  const open = async (): Promise<{ keeper: EvidenceKeeper; place: string }> => {
    // No secret of the workers is needed, so that none has to be there.
    const { evidence } = await readConfig(io.env, 'api');
    await assertThere(evidence);
    return { keeper: (await openEvidence(evidence)).keeper, place: evidenceText(evidence) };
  };
  program
    .command('store')
    .description('look after the evidence store of this installation')
    .command('check')
    .description('hash all evidence again; needs no service: exit status 0 all whole, 1 something is corrupt, 2 not checkable')
    .option('--json', 'as JSON')
    .action(async ({ json = false }: { json?: boolean }) => done(await checkStore(io, open, json)));
}

function addTriage(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  program
    .command('triage')
    .description('triage one pod: exit status 0 no findings, 2 suspicious or malicious, 3 inconclusive, 1 error')
    .argument('<pod>')
    .requiredOption('-n, --namespace <namespace>', 'namespace of the pod')
    .option('-c, --container <container>', 'only this container')
    .option('--cluster <cluster>', 'cluster of the pod')
    .option('--playbook <playbook>', 'see: podtriage playbooks')
    .option('--case <id>', 'id of the case, for the report and custody')
    .option('--reason <text>', 'why, for the report and custody')
    .addOption(
      new Option(
        '--acquire <what>',
        'what is moved: nothing (hashes), all but media and plain logs (selected, the default), or all; all files are hashed in any case',
      ).choices(acquireModes),
    )
    .addOption(
      new Option(
        '--upload <how>',
        'upload files that VirusTotal does not know: never (the default), private (needs its Private Scanning) or public (everybody there can have them); the service must allow it (PODTRIAGE_VT_UPLOAD)',
      ).choices(uploadModes),
    )
    .option(
      '--retention <days>',
      'days that the evidence is kept once the run has ended (default: as the service has it)',
      whole(3_650, 'a number of days'),
    )
    .option('--notify <endpoint>', 'tell this endpoint what becomes of it; may be given several times; see: podtriage endpoints', collected)
    .option('--json', 'print the report as JSON')
    .option('--detach', 'print the id of the run and leave')
    .action(async (pod: string, options: Omit<TriageOptions, 'pod'>) => done(await triage(io, await connect(), { ...options, pod })));
}

function addReaders(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  addRuns(program).action(async (options: RunsOptions) => done(await listRuns(io, await connect(), options)));
  program
    .command('report')
    .description('print the report of a run')
    .argument('<run>')
    .addOption(new Option('--format <format>').choices(reportFormats).default('terminal'))
    .option('--report-version <number>', 'an older version of a report that was amended', whole(1_000))
    .action(async (run: string, { format, reportVersion }: { format: ReportFormat; reportVersion?: number }) =>
      done(await report(io, await connect(), run, format, reportVersion)),
    );
  addExports(program, io, connect, done);
  program
    .command('cancel')
    .description('stop a run; it still writes its report')
    .argument('<run>')
    .action(async (run: string) => done(await cancel(io, await connect(), run)));
  program
    .command('verify')
    .description(
      'check a bag, offline, or the chain of custody of a run, or the whole register of runs: exit status 0 holds, 1 broken, 2 not checkable',
    )
    .argument('<path|run>', 'a bag as a folder or a zip file; else the id of a run, or: register')
    .option('--key <file>', 'trust only these keys: a JWK set or a public key as PEM; may be given several times', collected)
    .option('--json', 'as JSON')
    .action(async (what: string, options: VerifyOptions) => done(await verify(io, connect, what, options)));
}

function addExports(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  program
    .command('export')
    .description(
      'write all evidence of a run that has ended, its reports and its chain of custody, as a BagIt bag; of several runs, a folder of bags',
    )
    .argument('<runs...>')
    .option('--to <path>', 'folder or file to make; it must not be there yet')
    .option('--zip', 'one zip file instead of a folder')
    .option('--plain', 'artifacts as files, which may be malware, and not in a zip with the password "infected"')
    .action(async (runs: string[], options: ExportOptions) => done(await exportRuns(io, await connect(), runs, options)));
  program
    .command('artifact')
    .description('save the content of one artifact, in a zip with the password "infected"')
    .argument('<run>')
    .argument('<artifact>', 'its sha256 or its id', artifactName)
    .option('--to <file>', 'file to make; it must not be there yet')
    .option('--plain', 'as it is; it may be malware')
    .action(async (run: string, name: string, options: ArtifactOptions) => done(await artifact(io, await connect(), run, name, options)));
}

function addEvidence(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  const command = (name: string, description: string): Command =>
    program.command(name).description(description).argument('<run>').requiredOption('--reason <text>', 'why, for custody');
  command('hold', 'hold the evidence of a run: nobody destroys it, and its time does not end, until it is released').action(
    async (run: string, { reason }: { reason: string }) => done(await hold(io, await connect(), run, reason)),
  );
  command('release', 'end the hold of a run, whoever has it').action(async (run: string, { reason }: { reason: string }) =>
    done(await release(io, await connect(), run, reason)),
  );
  command('destroy', 'destroy the artifacts, listings and reports of a run that has ended, for good; its custody stays')
    .option('--yes', 'mean it')
    .action(async (run: string, options: { reason: string; yes?: boolean }) => done(await destroy(io, await connect(), run, options)));
}

function addDesk(program: Command, io: Io, connect: () => Promise<ApiClient>, done: (code: number) => void): void {
  program
    .command('quota')
    .description('what is used and left of the quota of VirusTotal, and what waits for it')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => done(await quota(io, await connect(), options)));
  program
    .command('lookup')
    .description('ask about one hash: exit status 0 no warning, 2 detected, suspicious or known bad, 3 unknown or no answer yet, 1 error')
    .argument('<sha256>', 'of the file', sha256Of)
    .option('--wait <minutes>', 'how long to wait for the answer', whole(1_000), 10)
    .option('--no-wait', 'ask and leave')
    .option('--json', 'as JSON')
    .action(async (sha256: string, options: LookupOptions) => done(await lookup(io, await connect(), sha256, options)));
}

function addPlaybooks(
  program: Command,
  io: Io,
  connect: () => Promise<ApiClient>,
  parts: () => Promise<ServiceParts>,
  done: (code: number) => void,
): void {
  const permissions = async (name: string, only?: PermissionPart): Promise<number> =>
    printPermissions(io, (await (await parts()).loadKnowledge()).playbooks, name, only);
  program
    .command('playbooks')
    .description('list playbooks, or show one')
    .argument('[playbook]')
    .option('--permissions', 'print what must be allowed for it on the cluster and the nodes; needs no service')
    .addOption(new Option('--only <part>', 'of the permissions only this, as a file').choices(permissionParts))
    .action(async (name: string | undefined, options: { permissions?: true; only?: PermissionPart }) => {
      if (options.permissions !== true && options.only !== undefined) program.error('error: --only is for --permissions');
      if (options.permissions === true && name === undefined) program.error('error: --permissions is of one playbook: name it');
      if (name === undefined) done(await listPlaybooks(io, await connect()));
      else done(options.permissions === true ? await permissions(name, options.only) : await showPlaybook(io, await connect(), name));
    });
}

function artifactName(text: string): string {
  const name = text.toLowerCase();
  if (!/^([0-9a-f]{32}|[0-9a-f]{64})$/.test(name)) throw new InvalidArgumentError('must be a sha256 or the id of an artifact');
  return name;
}

function sha256Of(text: string): string {
  const sha256 = text.toLowerCase();
  if (!sha256Schema.safeParse(sha256).success) throw new InvalidArgumentError('must be 64 hexadecimal digits');
  return sha256;
}
