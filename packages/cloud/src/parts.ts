import type { Clock, Logger, Random } from '@kraud/base';
import type { HostApi, HostImages, Membership } from '@kraud/host';
import type { SchedulerLimits } from '@kraud/macro';
import type { HostPlace } from './hosts/place.ts';
import type { CloudLimits } from './limits.ts';
import type { Table } from './table.ts';

/** What the use cases work with; `daemon` fills it in. */
export interface CloudParts {
  readonly pods: Table<'Pod'>;
  readonly images: Table<'Image'>;
  readonly volumes: Table<'Volume'>;
  readonly networks: Table<'Network'>;
  readonly workloads: Table<'Workload'>;
  readonly tenants: Table<'Tenant'>;
  readonly hosts: Table<'Host'>;
  /** Of the host that answers. */
  readonly hostName: string;
  /** Who belongs to this cloud; absent on a cloud that nobody can join. */
  readonly membership?: Membership | undefined;
  /** Where the host that answers belongs. */
  readonly place: HostPlace;
  readonly secrets: Table<'Secret'>;
  readonly configs: Table<'Config'>;
  /**
   * A subnet that nothing of the cloud or of this host lies in: the one that is wanted (`conflict` if something does), or
   * the next of the pool (`exhausted`).
   */
  readonly chooseSubnet: (wanted: string | undefined, taken: readonly string[]) => Promise<string>;
  /** The host by name; `unavailable` when it can't be reached. */
  readonly hostOf: (name: string | undefined) => HostApi;
  /** Content of images, on whichever host it is. */
  readonly imageContent: HostImages;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: CloudLimits;
  /** The scheduler's own, so that it is explained as it decides; absent: its defaults. */
  readonly scheduler?: SchedulerLimits;
  readonly instanceId: string;
}
