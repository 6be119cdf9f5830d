import { codeOf } from '@kraud/base';
import type { Endpoint, Workload } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';

export interface OlderEndpointsParts {
  readonly tables: Pick<Tables, 'workloads'>;
  /** What who made the workload would have it now; undefined: its pods keep their names for themselves. */
  readonly endpointOf: (workload: Workload) => Endpoint | undefined;
}

/** Gives an endpoint to workloads that were made before there were any. None of their pods is replaced for it. */
export async function giveEndpoints({ tables, endpointOf }: OlderEndpointsParts): Promise<void> {
  for (const { meta } of tables.workloads.everywhere().filter(({ spec }) => spec.endpoint === undefined)) {
    try {
      await tables.workloads.mutate(meta, (present) => {
        const endpoint = present.spec.endpoint === undefined ? endpointOf(present) : undefined;
        return endpoint && { ...present, spec: { ...present.spec, endpoint } };
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
