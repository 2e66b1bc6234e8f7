/** Names of what there is of callers in Redis: their keys, and what they have asked for. */
export interface AccessKeys {
  /** HASH: id of an API key -> its signed record. */
  readonly apiKeys: string;
  /** HASH: id of an API key -> when it was last used. Not signed, as nothing rests on it. */
  readonly apiKeyUses: string;
  /** Of one source address, all with TTL: STRING, wrong credentials in this minute; STRING, credentials that were not looked at; SET, whose were right. */
  guesses(source: string): { readonly wrong: string; readonly held: string; readonly right: string };
  /** STRING with TTL: wrong credentials in this minute from all addresses. */
  readonly allGuesses: string;
  /** STRING with TTL, its name without what is counted: requests of one caller in this minute. */
  readonly requests: string;
  /** STRING with TTL: this caller has asked about this hash. */
  lookupAsker(sha256: string, actor: string): string;
}

/** Builds the key names under a prefix. */
export function accessKeys(prefix: string): AccessKeys {
  return {
    apiKeys: `${prefix}:api-keys`,
    apiKeyUses: `${prefix}:api-key-uses`,
    guesses: (source) => {
      const guess = (kind: string): string => `${prefix}:guesses:${kind}:${source}`;
      return { wrong: guess('wrong'), held: guess('held'), right: guess('right') };
    },
    allGuesses: `${prefix}:guesses`,
    requests: `${prefix}:requests:`,
    lookupAsker: (sha256, actor) => `${prefix}:lookup-asker:${sha256}:${actor}`,
  };
}
