/** How nodes are logged in to. */
export interface SshConfig {
  readonly user: string;
  readonly port: number;
  readonly login: { readonly privateKeyFile: string } | { readonly agentSocket: string };
  /** known_hosts file in which nodes stand by their node name. */
  readonly knownHosts: string;
  /** The privilege command, e.g. `['sudo', '-n']`; not used when the user is root. */
  readonly sudo: readonly string[];
  /** Limit of TCP connection, handshake and login together. */
  readonly connectTimeoutMs: number;
  /** Between two keepalives; after three without an answer the connection counts as lost. */
  readonly keepaliveMs: number;
  /** How long an unused connection is kept; default 30 s. */
  readonly idleMs?: number;
  /** Bytes a second that one node may send to this process, over all commands on it; absent or 0: no cap. */
  readonly bandwidth?: number;
}

/** Names the login's secret for messages, never the secret itself. */
export function loginName(config: SshConfig): string {
  return 'privateKeyFile' in config.login ? `the key ${config.login.privateKeyFile}` : `the agent at ${config.login.agentSocket}`;
}
