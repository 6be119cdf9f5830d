import type { VolumeDriver } from '@kraud/volumes';
import type { HostVolumes } from '../contract.ts';

/** The volumes of this host as the use cases see them. */
export function hostVolumes(driver: VolumeDriver): HostVolumes {
  return {
    create: async (key, { sizeBytes }) => {
      await driver.create(key, { sizeBytes });
    },
    remove: (key) => driver.remove(key),
    usage: (key) => driver.usage(key),
    path: async (key) => driver.path(key),
  };
}
