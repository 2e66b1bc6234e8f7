import { TriageError } from './error.js';

/** The fewest and the most bytes of a secret, as Standard Webhooks has it. */
const leastBytes = 24;
const mostBytes = 64;
/** Two while one takes the other's place. */
const maxSecrets = 2;

/**
 * Reads the text of a file of webhook secrets: `whsec_` and base64, one a line (Standard Webhooks).
 * @param where what the file is of and its name, for messages
 * @throws TriageError `config-invalid`, with nothing of the text in it
 */
export function parseWebhookSecrets(text: string, where: string): readonly string[] {
  const secrets = linesOf(text);
  if (secrets.length === 0 || secrets.length > maxSecrets)
    throw new TriageError('config-invalid', `${where}: must hold one secret, or two while one takes the other's place, one a line`);
  return webhookSecrets(text, where);
}

/** The same, of any number. */
export function webhookSecrets(text: string, where: string): readonly string[] {
  const secrets = linesOf(text);
  if (secrets.every(isSecret)) return secrets;
  throw new TriageError(
    'config-invalid',
    `${where}: each line must be whsec_ and ${leastBytes} to ${mostBytes} bytes in base64: printf 'whsec_%s\\n' "$(openssl rand -base64 32)"`,
  );
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

function isSecret(text: string): boolean {
  const { length } = Buffer.from(text.replace(/^whsec_/, ''), 'base64');
  return /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) && length >= leastBytes && length <= mostBytes;
}
