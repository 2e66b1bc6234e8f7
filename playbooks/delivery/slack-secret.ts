import { TriageError } from '../domain/error.js';

/** Reads the text of a file of Slack's signing secret. Throws `config-invalid`, with nothing of the text in it. */
export function parseSigningSecret(text: string, where: string): string {
  const secret = text.trim();
  if (/^[\x21-\x7e]{16,128}$/.test(secret)) return secret;
  throw new TriageError('config-invalid', `${where}: must hold the app's signing secret alone (Basic Information, App Credentials)`);
}

/** Reads the text of a file of a bot's token. Throws `config-invalid`, with nothing of the text in it. */
export function parseBotToken(text: string, where: string): string {
  const token = text.trim();
  if (/^xoxb-[A-Za-z0-9-]{10,300}$/.test(token)) return token;
  throw new TriageError('config-invalid', `${where}: must hold the bot's token alone, which begins with xoxb-`);
}
