import type { Endpoint, Workload } from '@kraud/cloud';
import { endpointOf } from '../draft/ports.ts';
import { givenService } from './spec.ts';

/** As the service was asked for; undefined when a docker client didn't make the workload. */
export function endpointOfService({ given }: Pick<Workload, 'given'>): Endpoint | undefined {
  const body = givenService(given);
  return body && endpointOf(body.EndpointSpec);
}
