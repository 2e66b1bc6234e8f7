import type { Claim, RepeatableRequest, RequestClaims } from '../../../store/idempotency.js';

/** Claims in memory. */
export class FakeClaims implements RequestClaims {
  readonly #claims = new Map<string, { request: string; id: string; state: 'free' | 'busy' | 'done' }>();

  claim({ actor, operation, key, request }: RepeatableRequest, newId: () => string): Promise<Claim> {
    const about = JSON.stringify([actor, operation, key]);
    const claim = this.#claims.get(about) ?? { request: JSON.stringify(request), id: newId(), state: 'free' as const };
    if (claim.request !== JSON.stringify(request)) return Promise.resolve({ state: 'mismatch' });
    if (claim.state === 'done') return Promise.resolve({ state: 'done', id: claim.id });
    if (claim.state === 'busy') return Promise.resolve({ state: 'busy' });
    this.#claims.set(about, { ...claim, state: 'busy' });
    return Promise.resolve({ state: 'mine', id: claim.id, owner: about });
  }

  settle(_request: RepeatableRequest, owner: string, done: boolean): Promise<void> {
    const claim = this.#claims.get(owner);
    if (claim !== undefined) this.#claims.set(owner, { ...claim, state: done ? 'done' : 'free' });
    return Promise.resolve();
  }
}
