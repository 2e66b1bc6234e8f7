import type { Access } from '../../../api/deps.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { KeyRing, NewKey, Rotation } from '../../../store/api-keys.js';
import type { ApiKeyGiven, ApiKeyView } from '../../../store/api-keys-record.js';
import { at } from './samples.js';

/** Keys in memory, whose secrets open nothing. */
class FakeRing implements KeyRing {
  readonly #keys = new Map<string, ApiKeyView>();

  list(): Promise<readonly ApiKeyView[]> {
    return Promise.resolve([...this.#keys.values()]);
  }

  create({ expiresAt, ...wish }: NewKey, by: string): Promise<ApiKeyGiven> {
    const id = String(this.#keys.size + 1).padStart(16, '0');
    const end = expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() };
    return Promise.resolve(this.#keep({ id, ...wish, createdAt: at, createdBy: by, ...end }));
  }

  async rotate(id: string, _how: Rotation, by: string): Promise<ApiKeyGiven> {
    return this.#keep({ ...(await this.#of(id)), rotated: { at, by, oldUntil: at } });
  }

  async revoke(id: string): Promise<void> {
    await this.#of(id);
    this.#keys.delete(id);
  }

  #keep(key: ApiKeyView): ApiKeyGiven {
    this.#keys.set(key.id, key);
    return { ...key, secret: `pt_${key.id}_${'n'.repeat(43)}` };
  }

  #of(id: string): Promise<ApiKeyView> {
    const key = this.#keys.get(id);
    return key === undefined ? Promise.reject(new TriageError('not-found', `there is no key ${id}`)) : Promise.resolve(key);
  }
}

/** Lets guessers guess and callers ask as often as they like. */
export function fakeAccess(): Access {
  const asked = new Set<string>();
  return {
    ring: new FakeRing(),
    guesses: {
      standing: () => Promise.resolve({ look: true }),
      wrong: () => Promise.resolve(),
      right: () => Promise.resolve(),
    },
    askers: {
      note: (sha256, actor) => Promise.resolve(void asked.add(`${sha256} ${actor}`)),
      has: (sha256, actor) => Promise.resolve(asked.has(`${sha256} ${actor}`)),
    },
    proxies: 0,
  };
}
