import { KraudError } from '@kraud/base';
import type { ContainerDraft } from '@kraud/cloud';
import type { HostBody } from './body.ts';

/** Nothing in the guest holds a container to less than reading and writing a device that it has. */
export function devicesOf(devices: NonNullable<HostBody['Devices']>): NonNullable<ContainerDraft['devices']> {
  return devices.map(
    ({ PathOnHost: source = '', PathInContainer: target = '', CgroupPermissions: may = '' }) => {
      if (!['', 'rw', 'rwm'].includes(may)) {
        throw new KraudError(
          /^[rwm]+$/.test(may) ? 'unsupported' : 'invalid',
          `HostConfig.Devices ${source} with permissions ${may} is not supported: rwm is`,
        );
      }
      return { source, target: target || source };
    },
  );
}
