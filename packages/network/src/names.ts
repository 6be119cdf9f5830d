import { createHash } from 'node:crypto';
import { assert } from '@kraud/base';

/**
 * Names that this daemon gives to things in the kernel. Two daemons on one machine, told apart by the instance id of
 * their data directory, never touch each other's.
 *
 * | thing                   | name                                    |
 * | ----------------------- | --------------------------------------- |
 * | network namespace, VPC  | `kraud-` instance (6) tenant (7)        |
 * | host's end of its link  | `kv` instance (6) tenant (7): 15, the kernel's maximum |
 * | nftables table          | `inet kraud-` instance (6)              |
 * | device of a tunnel, until it is in its VPC | `kw` instance (6) tenant (7)  |
 * | a pod's tap in the VPC  | `tap` 12 digits of chance or of the pod |
 */
export class Names {
  readonly #instance: string;

  constructor(instanceId: string) {
    this.#instance = digits(instanceId, 6);
  }

  get netnsPrefix(): string {
    return `kraud-${this.#instance}`;
  }

  get linkPrefix(): string {
    return `kv${this.#instance}`;
  }

  get table(): string {
    return `kraud-${this.#instance}`;
  }

  netns(tenant: string): string {
    return this.netnsPrefix + digits(tenant, 7);
  }

  get tunnelPrefix(): string {
    return `kw${this.#instance}`;
  }

  tunnel(tenant: string): string {
    return this.tunnelPrefix + digits(tenant, 7);
  }

  link(tenant: string): string {
    return this.linkPrefix + digits(tenant, 7);
  }
}

function digits(text: string, count: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, count);
}

/** The VPC's end of its link to the host. */
export const uplink = 'up0';

export const tapPrefix = 'tap';

/** Of every tap's own end: each is a network of its own. A pod that wakes on another tap still knows it. */
export const tapMac = '0a:6b:72:61:75:64';

/** The VPC's way to the pods of other hosts. */
export const tunnelDevice = 'wg0';

/** A name that can go into a command line without quoting, and that the kernel takes. */
export function checkedDevice(name: string): string {
  assert(/^[A-Za-z0-9_.-]{1,15}$/.test(name) && !/^(\.|\.\.)$/.test(name), `bad device name '${name}'`);
  return name;
}
