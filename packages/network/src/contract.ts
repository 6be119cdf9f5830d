/**
 * What a host agent asks of the network. One host for now; nothing here says so.
 *
 * The caller keeps the two kinds of record that must outlive the daemon (`NetworkState`, `Attachment`) and gives
 * them back after a restart (`ensureNetwork`, then `adopt`). Everything else is found in the kernel, or made again.
 */
export interface HostNetwork {
  /**
   * What a user should know now, such as a firewall that drops what we forward, or a network whose subnet is in use here. For
   * `docker info`.
   */
  readonly warnings: readonly string[];

  /**
   * Makes the network real on this host; again and again is safe. Without `subnet` the first one that no route of
   * the host overlaps is chosen, and the same one again next time. `conflict` when the subnet is in use: `warnings` say so
   * until it works.
   */
  ensureNetwork(spec: NetworkSpec): Promise<NetworkState>;
  /** Pods of other hosts: told to those here by name, and their addresses given to none. */
  readonly far: FarPods;
  /** Those that are real on this host. */
  networks(): NetworkState[];
  /**
   * A subnet that no route of this host and none of `taken` overlaps: the one that is wanted, else the next of the pool.
   * `conflict` when the wanted one won't do, `exhausted` when none is left.
   */
  chooseSubnet(wanted: string | undefined, taken: readonly string[]): Promise<string>;
  /**
   * From now on no pod here is given one of these on the network, and may not have it by asking either: pods of other hosts
   * have asked for them by number. Answers those that a pod here has. For a network that isn't here yet, too.
   */
  withhold(key: NetworkKey, addresses: readonly string[]): string[];
  /** `conflict` while pods are on it. */
  removeNetwork(key: NetworkKey): Promise<void>;

  /**
   * Gives a pod its addresses and its host ports, before there is a VM. Needs no tap, so that it can go on beside the
   * claim of one. Nothing is kept when it fails. Again for the same pod answers the same.
   * `conflict`: address or port taken; `exhausted`: no address left.
   */
  reserve(request: ReserveRequest): Promise<Reservation>;
  /**
   * Optional, for a VM that waits warm: moves its tap, switched off, to the VPC of the tenant that will probably
   * claim it. The kernel takes some 20 ms for that move on some machines; a `plug` of the same tap (named as its
   * launcher made it) then takes under 1 ms. Should another tenant claim the VM, `plug` moves the tap once more.
   */
  stage(tenant: string, tap: Tap): Promise<void>;
  /**
   * Connects the pod's tap. The tap disappears from where it was and lives in the VPC until its VMM closes it. It takes the place of
   * one that the pod has; a pod that was parked no longer is, and what waited for it is lost.
   * Can go on while the guest is being configured; the container must not start before it has resolved.
   */
  plug(podId: string, tap: Tap): Promise<void>;
  /** `reserve` and `plug` in one call. */
  attach(request: ReserveRequest & { readonly tap: Tap }): Promise<Reservation>;
  /**
   * Other networks for a pod that is plugged in: what it keeps stays as it is. Answers what the guest is to be told; what
   * the pod has lost can't be used by it any more by then. On none of them it keeps its tap. `ports` are published once
   * it can be reached again and has none. Faults as of `reserve`, and `conflict` for a parked pod; then nothing has changed.
   */
  rejoin(
    podId: string,
    networks: readonly PlaceRequest[],
    ports?: readonly PortMapping[],
  ): Promise<Reservation>;
  /**
   * Other names for a pod, on the networks that it is on; its addresses stay. Answers what is attached now, undefined
   * for a pod that isn't.
   */
  rename(podId: string, podName: string, networks: readonly PlaceRequest[]): Attachment | undefined;
  /**
   * The pod's VM has ended, or is about to, and its tap stays: what is sent to the pod waits in the kernel from now on, and
   * `onKnock` tells of it. Asked while the VM still has the tap, nothing is lost in between. Without a tap (the host was restarted)
   * one is made. Safe to repeat, and to be repeated when a VM that had taken the tap has ended before `unpark`.
   * `not-found` for a pod that has no place.
   */
  park(podId: string): Promise<void>;
  /**
   * Where a VM that goes on for this pod finds its tap, a persistent one with a virtio header; undefined for a pod that isn't parked.
   * `netns` is the path of a network namespace.
   */
  parkedTap(podId: string): { readonly netns: string; readonly name: string } | undefined;
  /**
   * A VM has the parked tap and runs: what waited is sent, in order, and nothing knocks any more. Safe to repeat; nothing is done for
   * a pod that isn't parked. `unavailable` while no VM has the tap, and whatever `ready` rejects with, which is waited for first:
   * then the pod stays parked, and nothing is lost.
   */
  unpark(podId: string, ready?: Promise<void>): Promise<void>;
  /**
   * Called with a parked pod that somebody sends something to: with the first packet, and then once in one or two seconds as
   * long as one waits, which it does for a minute; its sender is told then that the pod can't be reached. Again if it is parked
   * again. There is one listener.
   */
  onKnock(listener: (podId: string) => void): void;
  /**
   * Packets that went through each of these pods' taps since they exist, in both directions; pods without a tap are missing. Cheap
   * enough to ask every second for a hundred pods.
   */
  traffic(podIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Takes everything back: tap, route, address, ports. Unknown pods are fine. */
  detach(podId: string): Promise<void>;
  /**
   * What services there are, of all tenants, instead of those that were named before. Names are answered so at once; virtual
   * addresses lead to their pods once this and `adopt` have resolved, on the networks that are real here.
   */
  serve(services: readonly Service[]): Promise<void>;
  /** What is attached or reserved now. */
  attachments(): Attachment[];

  /**
   * After a restart, once all networks are ensured: these pods' VMs go on. Their ports are bound again, and
   * everything in the kernel that belongs to none of them is swept. Answers what could not be restored. Those of `parked` have no VM and
   * are parked again, with a tap that is made anew if it is gone; whoever waits for one of them knocks at once.
   */
  adopt(
    attachments: readonly Attachment[],
    options?: { readonly parked?: ReadonlySet<string> },
  ): Promise<AdoptReport>;

  /** Stops serving. Kernel state stays, so that running pods keep their network; with `remove` nothing stays. */
  close(options?: { readonly remove?: boolean }): Promise<void>;
}

export interface NetworkKey {
  readonly tenant: string;
  readonly name: string;
}

export interface NetworkSpec extends NetworkKey {
  /** `10.1.0.0/16`. */
  readonly subnet?: string | undefined;
  readonly gateway?: string | undefined;
  /** No way out of the VPC. */
  readonly internal?: boolean | undefined;
  /** Pods on it know each other by name. */
  readonly names?: boolean | undefined;
  /** Blocks of the subnet that this host gives addresses from; absent or empty: all of it. It may change. */
  readonly ranges?: readonly string[] | undefined;
  /** Addresses that no pod gets: things that aren't pods have them. */
  readonly reserved?: readonly string[] | undefined;
}

export interface NetworkState extends NetworkKey {
  readonly subnet: string;
  readonly gateway: string;
  readonly internal: boolean;
  readonly names: boolean;
}

/** A port of the host that leads into a pod. In a request `hostPort` 0 asks for any free one. */
export interface PortMapping {
  readonly protocol: 'tcp' | 'udp';
  readonly podPort: number;
  /** `''`, `0.0.0.0` and `::` mean every address of that family (`''`: of both). */
  readonly hostIp: string;
  readonly hostPort: number;
  /** With `hostPort` 0: the free one is among these. */
  readonly among?: { readonly first: number; readonly last: number };
}

/** A tap device as, and where, the VMM's launcher made it. */
export interface Tap {
  readonly netns: { readonly pid: number } | { readonly name: string } | 'host';
  readonly name: string;
}

export interface DnsOptions {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** A network that a pod is to be on. */
export interface PlaceRequest {
  readonly network: string;
  /** A fixed address; otherwise the next free one. */
  readonly ipv4?: string | undefined;
  /** What the other pods of the network may call it, where the network has names. */
  readonly names: readonly string[];
  /** What this pod alone calls others on it, also where the network has no names. `to` is one of their `names`. */
  readonly links?: readonly { readonly alias: string; readonly to: string }[];
}

/** Pods, on this host or others, that have names together on a network. */
export interface Service {
  readonly tenant: string;
  readonly network: string;
  /** What pods on the network call it: answered with its virtual address, or else with its ready pods. */
  readonly names: readonly string[];
  /** Leads each connection to a ready pod; refuses it while there is none. */
  readonly virtual?: string | undefined;
  /** Addresses of pods that take new connections. `tasks.` before a name is answered with them. */
  readonly ready: readonly string[];
  /** Those, and of pods that may still have connections. */
  readonly members: readonly string[];
}

/** An address of a pod, on one of its networks. */
export interface Place {
  readonly network: string;
  readonly ipv4: string;
  readonly names: readonly string[];
  readonly links?: NonNullable<PlaceRequest['links']>;
}

export interface ReserveRequest {
  readonly tenant: string;
  /** At least one. The first that has a way out leads to the pod's ports and is its own way out. */
  readonly networks: readonly PlaceRequest[];
  readonly podId: string;
  /** For messages: `driver failed programming external connectivity on endpoint NAME`. */
  readonly podName: string;
  readonly hostname: string;
  readonly domainname: string;
  /** Otherwise derived from the first address, as Docker does. */
  readonly mac?: string | undefined;
  /** A pod that is on internal networks only publishes none. */
  readonly ports: readonly PortMapping[];
  readonly dns: DnsOptions;
  /** `host-gateway` as an address means the host as the pod reaches it. */
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[];
}

/** One pod's places on its networks, behind one interface. The caller stores it while the pod has a VM. */
export interface Attachment {
  readonly tenant: string;
  readonly podId: string;
  readonly podName: string;
  readonly places: readonly Place[];
  readonly mac: string;
  /** Name servers that the pod asked for: asked for what no pod is called. Empty: the host's. */
  readonly nameServers: readonly string[];
  /** With the host ports that were chosen. */
  readonly ports: readonly PortMapping[];
}

/** What the guest is told, in the words of the guest's protocol (`POST /v1/pod`). */
export interface GuestNetwork {
  readonly network: {
    readonly interface: string;
    readonly mac: string;
    readonly mtu: number;
    /** With prefix: `172.17.0.2/16`. */
    readonly addresses: readonly string[];
    readonly gateway4: string;
    readonly gateway6: string;
  };
  readonly resolv: DnsOptions;
  /** `[address, name]`, after the usual lines for localhost, which are the guest's own business. */
  readonly hosts: readonly (readonly [address: string, name: string])[];
}

export interface Reservation {
  readonly attachment: Attachment;
  /** As the attachment's, with what is around them. */
  readonly addresses: readonly {
    readonly network: string;
    readonly ipv4: string;
    readonly prefix: number;
    readonly gateway: string;
  }[];
  readonly guest: GuestNetwork;
}

/** Another host's end of a tunnel: its public key, where it listens, and the blocks that its pods are in. */
export interface TunnelPeer {
  readonly key: string;
  /** `10.0.0.2:51820`. */
  readonly endpoint: string;
  /** `10.1.4.0/22`. */
  readonly blocks: readonly string[];
}

/** This host's end, as the others have to know it. */
export interface TunnelEnd {
  readonly key: string;
  /** UDP. */
  readonly port: number;
}

/** A pod of another host, as pods of this one may call it and reach it. */
export interface FarPod {
  readonly tenant: string;
  readonly podId: string;
  readonly podName: string;
  /** On networks with names. */
  readonly places: readonly Pick<Place, 'network' | 'ipv4' | 'names'>[];
}

/** The pods of other hosts that are known here. */
export interface FarPods {
  /** New, or as it is from now on. */
  put(pod: FarPod): void;
  /** Unknown ones are fine. */
  remove(podId: string): void;
}

export interface AdoptReport {
  /** Pods whose tap is no longer in the VPC, or that no VM has, though they aren't parked: their VM is gone. */
  readonly lost: readonly string[];
  /** Published ports that something else has bound meanwhile, for people. */
  readonly problems: readonly string[];
}
