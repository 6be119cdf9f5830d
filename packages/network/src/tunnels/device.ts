/** Another host, as a WireGuard device knows it. Keys are base64. */
export interface DevicePeer {
  readonly key: string;
  /** `ip:port`, an IPv6 address in brackets. Undefined where none is known. */
  readonly endpoint: string | undefined;
  /** Where its packets may come from, and what goes to it: `10.1.4.0/22`. */
  readonly blocks: readonly string[];
}

export interface DeviceState {
  readonly privateKey: string;
  /** UDP; 0 before it has one. */
  readonly port: number;
  readonly peers: readonly DevicePeer[];
}

/** What is to change; the rest stays, and connections through it with it. */
export interface DeviceChange {
  readonly privateKey?: string;
  readonly port?: number;
  /** New ones, and those that are as they are given from now on. */
  readonly set: readonly DevicePeer[];
  readonly remove: readonly string[];
}

/** The WireGuard device of one VPC, `wg0` there, whoever encrypts. */
export interface TunnelDevice {
  state(): Promise<DeviceState>;
  /** `conflict` when the port is taken. */
  apply(change: DeviceChange): Promise<void>;
  /** Resolves when it has gone by itself. */
  readonly gone: Promise<void>;
  /** Lets go; the device stays. */
  close(): void;
}

/** The VPC that a device is for. */
export interface TunnelPlace {
  readonly tenant: string;
  readonly netns: string;
  /** Name of the device where it is made, outside the VPC. */
  readonly device: string;
}

/** Encrypts. Each of its devices outlives the daemon. */
export interface TunnelEngine {
  /** Takes over the VPC's device, or makes one. */
  open(place: TunnelPlace): Promise<TunnelDevice>;
  /** Removes the device, if there is one. */
  remove(place: TunnelPlace): Promise<void>;
}
