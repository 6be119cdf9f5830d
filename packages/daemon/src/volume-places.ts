import { KraudError } from '@kraud/base';
import { defaultNamespace, type Tables } from '@kraud/macro';
import type { VolumeDriver, VolumeKey } from '@kraud/volumes';

/**
 * Gives a volume that is nowhere yet its place on host `name`, written before there is data, so that two hosts can't
 * both have it. Safe to repeat.
 */
export function volumePlaces(
  name: string,
  { volumes: table }: Pick<Tables, 'volumes'>,
  driver: VolumeDriver,
): (key: VolumeKey) => Promise<void> {
  return async ({ tenant, name: volume }) => {
    const key = { tenant, namespace: defaultNamespace, name: volume };
    const present = table.get(key);
    if (!present) throw new KraudError('not-found', `get ${volume}: no such volume`);
    const placed =
      present.status.host !== undefined
        ? present
        : await table.mutate(key, (found) =>
            found.status.host === undefined
              ? { ...found, status: { ...found.status, host: name } }
              : undefined,
          );
    const { host } = placed.status;
    if (host !== name) throw new KraudError('conflict', `volume ${volume} is on the host ${host}`);
    await driver.create({ tenant, name: volume }, { sizeBytes: placed.spec.sizeBytes });
  };
}
