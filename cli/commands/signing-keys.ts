import { TriageError } from '../../playbooks/domain/error.js';
import { PublicKeys } from '../../store/public-keys.js';
import { currentSigner, type KeyRole, keyRoles, rotateSigner } from '../../store/signing-key.js';
import type { KeyPlaces } from '../config.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { table } from '../ui/table.js';

/** Where this machine has its keys. */
export interface KeysOfMachine {
  readonly folder: string;
  readonly places: KeyPlaces;
}

/** `podtriage signing-keys`: the public keys that this machine believes, and which of them its own processes sign with. Throws `config-invalid`. */
export async function listSigningKeys(io: Io, { folder, places }: KeysOfMachine, json = false): Promise<number> {
  const active = new Set<string>();
  for (const role of keyRoles) {
    const signer = await currentSigner(folder, role, places.given[role]);
    if (signer !== undefined) active.add(`${role} ${signer.kid}`);
  }
  const keys = (await new PublicKeys(folder, places.trusted).all()).map(({ kid, role, since, file }) => ({
    role: role ?? 'any',
    kid,
    since: since.toISOString(),
    active: active.has(`${role} ${kid}`),
    file,
  }));
  if (json) io.out(`${JSON.stringify(keys, undefined, 2)}\n`);
  else
    io.out(
      table([
        ['ROLE', 'KID', 'SINCE', 'SIGNS HERE', 'FILE'],
        ...keys.map((key) => [key.role, key.kid, key.since, key.active ? 'yes' : '-', key.file]),
      ]),
    );
  return exitCodes.ok;
}

/** `podtriage signing-keys rotate`: a new signing key for one role. Throws `config-invalid`, `store-unwritable`. */
export async function rotateSigningKey(io: Io, { folder, places }: KeysOfMachine, role: KeyRole): Promise<number> {
  const given = places.given[role];
  const variable = `PODTRIAGE_${role.toUpperCase()}_SIGNING_KEY`;
  if (given !== undefined)
    throw new TriageError(
      'config-invalid',
      `${variable} gives the key: put another into ${given} and restart the service, and the old public half is kept`,
    );
  const { signer, before } = await rotateSigner(folder, role);
  io.out(`the ${role} signs with ${signer.kid} from its next start on; ${before} still checks what it has signed\n`);
  io.err('restart a service that runs: until then it signs with the old key, whose private half is on this disk no more\n');
  return exitCodes.ok;
}
