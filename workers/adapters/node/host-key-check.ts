import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { KnownHost } from './known-hosts.js';
import { keyType, knownHost } from './known-hosts.js';

/** Signature algorithms by key type; SHA-1 signatures of RSA keys are not accepted (RFC 8332). */
const algorithmsOf: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Decides whether the machine that answered is the node, by the keys that known_hosts has under the node's name. */
export class HostKeyCheck {
  private seen: Buffer | undefined;
  private accepted = false;

  private constructor(
    private readonly file: string,
    private readonly node: string,
    private readonly port: number,
    private readonly known: KnownHost,
  ) {}

  /** Reads the file anew for each connection, so that a key which was just added counts. Throws `config-invalid` when it cannot be read. */
  static async forNode(file: string, node: string, port: number): Promise<HostKeyCheck> {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new TriageError('config-invalid', `the known_hosts file cannot be read: ${String(error)}`, { cause: error });
    });
    return new HostKeyCheck(file, node, port, knownHost(text, node, port));
  }

  /** What to offer: only types that are known, lest the node shows a key that nothing is known of. All, where no key is known. */
  algorithms(): ServerHostKeyAlgorithm[] {
    const known = new Set(this.known.keys.map((key) => key.type));
    const types = Object.keys(algorithmsOf);
    const offered = types.some((type) => known.has(type)) ? types.filter((type) => known.has(type)) : types;
    return offered.flatMap((type) => algorithmsOf[type] ?? []);
  }

  /** The verifier for ssh2; also remembers the key for {@link refusal}. */
  verify(blob: Buffer): boolean {
    this.seen = Buffer.from(blob);
    this.accepted = !this.known.revoked.some((key) => key.blob.equals(blob)) && this.known.keys.some((key) => key.blob.equals(blob));
    return this.accepted;
  }

  /** The error of a key that was turned down, or undefined when none was. */
  refusal(): TriageError | undefined {
    if (this.seen === undefined || this.accepted) return undefined;
    return new TriageError('host-key-mismatch', this.explain(this.seen));
  }

  /** The error for a node that has no key of a known type. */
  noCommonType(): TriageError {
    const types = [...new Set(this.known.keys.map((key) => key.type))].join(', ');
    return new TriageError(
      'host-key-mismatch',
      `node ${this.node} does not have a host key of the type that ${this.file} knows (${types}): its keys were replaced, or this is another machine`,
    );
  }

  private explain(seen: Buffer): string {
    const type = keyType(seen);
    const fingerprint = `SHA256:${createHash('sha256').update(seen).digest('base64').replace(/=+$/, '')}`;
    const shown = `node ${this.node} shows the ${type} key ${fingerprint}`;
    if (this.known.revoked.some((key) => key.blob.equals(seen))) return `${shown}, which ${this.file} marks as revoked: do not trust this machine`;
    if (this.known.keys.length > 0) {
      return `${shown}, but ${this.file} has another key for it: its keys were replaced, or this is another machine; find out which before changing the file`;
    }
    const name = this.port === 22 ? this.node : `[${this.node}]:${this.port}`;
    const authority = this.known.authority ? ' (host certificates, @cert-authority, are not supported)' : '';
    return (
      `${shown}, and ${this.file} knows no key for it${authority}. If the fingerprint is the one on the node's console ` +
      `(ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), add this line: ${name} ${type} ${seen.toString('base64')}`
    );
  }
}
