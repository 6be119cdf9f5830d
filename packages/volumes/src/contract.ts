/** Names a volume on this host. */
export interface VolumeKey {
  readonly tenant: string;
  readonly name: string;
}

export interface VolumeInfo extends VolumeKey {
  readonly driver: string;
  /** The file system's size: what the guest sees. */
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  /** Pods that have it attached now. */
  readonly holders: readonly VolumeHolder[];
}

/** The keeper has the disk in its VM. Sharers use it through the keeper, and any of them may be the next. */
export type VolumeRole = 'keeper' | 'sharer';

export interface VolumeHolder {
  readonly podId: string;
  readonly role: VolumeRole;
}

/** How the launcher presents an attached volume to the VM. */
export interface VolumeDisk {
  /** A raw disk image, for one virtio-blk device. The host never mounts it. */
  readonly path: string;
  readonly fsType: 'ext4';
  readonly role: VolumeRole;
}

/**
 * Keeps the data that outlives pods. One driver per kind of storage, one suite for all of them.
 *
 * Durable before acknowledged: a volume whose `create` has resolved is there after a power cut; one whose `remove`
 * has resolved is not.
 */
export interface VolumeDriver {
  readonly name: string;

  /** Checks options without doing anything; answers the size. `invalid` or `unsupported` names the option. */
  parseOptions(options: Readonly<Record<string, string>>): { sizeBytes: number };
  /** Again with the same size is fine; `exists` when the size differs. */
  create(key: VolumeKey, options?: { readonly sizeBytes?: number }): Promise<VolumeInfo>;
  inspect(key: VolumeKey): Promise<VolumeInfo>;
  list(tenant?: string): Promise<VolumeInfo[]>;
  /** Bytes that it takes on the host's disk. */
  usage(key: VolumeKey): Promise<number>;
  /** `conflict` while attached; unknown volumes are `not-found`. */
  remove(key: VolumeKey): Promise<void>;

  /** Holds the volume for a pod: the first is its keeper, every other a sharer. Again for the same pod answers the same. */
  attach(key: VolumeKey, podId: string): Promise<VolumeDisk>;
  /** Who holds it now. */
  holders(key: VolumeKey): readonly VolumeHolder[];
  /** A sharer becomes the keeper, as there is none any more; or the keeper a sharer again, which did not get the disk. */
  setRole(key: VolumeKey, podId: string, role: VolumeRole): void;
  /** A pod that doesn't hold it is fine. */
  detach(key: VolumeKey, podId: string): Promise<void>;
  /** Everything that the pod holds. */
  detachAll(podId: string): Promise<void>;
  /** After a restart: these pods' VMs go on and hold these volumes, in these roles. */
  adopt(holds: readonly (VolumeHolder & { readonly key: VolumeKey })[]): Promise<void>;
  /** Where the volume's disk file is on the host: what Docker shows as mount point. */
  path(key: VolumeKey): string;
}
