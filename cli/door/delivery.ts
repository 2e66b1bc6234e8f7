import type { ApiDeps } from '../../api/deps.js';
import type { Outbox } from '../../store/deliveries.js';
import { RedisDeliveryOffice } from '../../store/delivery-office.js';
import type { SignedTexts } from '../../store/signed-text.js';
import type { ServiceConfig } from '../config.js';
import { readEndpoints } from '../endpoints-config.js';

/** What the API knows of endpoints and deliveries: it sends nothing, and reads no secret of an endpoint. Throws `config-invalid`. */
export async function openDelivery(
  config: Pick<ServiceConfig, 'endpoints'>,
  { texts, ...outbox }: Pick<Outbox, 'redis' | 'keys' | 'queues'> & { readonly texts: SignedTexts },
): Promise<Pick<ApiDeps, 'endpoints' | 'deliveries'>> {
  const { endpoints } = await readEndpoints(config);
  return { endpoints, deliveries: new RedisDeliveryOffice({ ...outbox, clock: () => new Date() }, texts, endpoints) };
}
