import type { Logger } from 'pino';
import { TriageError } from '../playbooks/domain/error.js';
import type { Alert } from '../store/alert.js';
import type { RegisterWitness } from '../store/register-witness.js';

const everyMs = 60_000;

/** Looks after the register of runs from now on, and says when it is not what it was. Returns what ends it. */
export function watchRegister(witness: RegisterWitness, alert: Alert, log: Logger): () => void {
  const look = (): void => {
    witness.look().catch((err: unknown) => {
      if (err instanceof TriageError && err.code === 'custody-broken') alert(err, { what: 'the register of runs' });
      else log.warn({ err }, 'could not look at the register of runs');
    });
  };
  look();
  const timer = setInterval(look, everyMs);
  return () => clearInterval(timer);
}
