import { KraudError } from '@kraud/base';
import type {
  AdoptReport,
  Attachment,
  HostNetwork,
  NetworkSpec,
  NetworkState,
  Reservation,
  ReserveRequest,
} from '@kraud/network';
import { live } from './live.ts';

/** Addresses and ports without a kernel. What is reserved stays so when a daemon dies, until it is adopted or swept. */
export class FakeNetwork implements HostNetwork {
  readonly [live] = true;
  readonly warnings = [];
  readonly held = new Map<string, Attachment>();
  readonly plugged = new Set<string>();
  #next = 2;

  async ensureNetwork(spec: NetworkSpec): Promise<NetworkState> {
    return { ...spec, subnet: '172.17.0.0/16', gateway: '172.17.0.1', internal: false };
  }

  async removeNetwork(): Promise<void> {}

  async reserve(request: ReserveRequest): Promise<Reservation> {
    const { podId, podName, tenant, name } = request;
    for (const { podId: other, ports } of this.held.values()) {
      const taken = ports.find((port) => request.ports.some(({ hostPort }) => hostPort === port.hostPort));
      if (taken && other !== podId) throw new KraudError('conflict', `port ${taken.hostPort} is taken`);
    }
    const known = this.held.get(podId);
    const ipv4 = known?.ipv4 ?? `172.17.0.${this.#next}`;
    if (!known) this.#next += 1;
    const attachment = { podId, podName, tenant, name, ipv4, mac: '02:42:ac:11:00:02', ports: request.ports };
    this.held.set(podId, attachment);
    return {
      attachment,
      prefix: 16,
      gateway: '172.17.0.1',
      guest: {
        network: {
          interface: 'eth0',
          mac: attachment.mac,
          mtu: 1500,
          addresses: [`${ipv4}/16`],
          gateway4: '172.17.0.1',
          gateway6: '',
        },
        resolv: { servers: ['172.17.0.1'], search: [], options: [] },
        hosts: [[ipv4, request.hostname]],
      },
    };
  }

  async stage(): Promise<void> {}

  async plug(podId: string): Promise<void> {
    this.plugged.add(podId);
  }

  async attach(request: ReserveRequest): Promise<Reservation> {
    const reservation = await this.reserve(request);
    await this.plug(request.podId);
    return reservation;
  }

  async detach(podId: string): Promise<void> {
    this.held.delete(podId);
    this.plugged.delete(podId);
  }

  attachments(): Attachment[] {
    return [...this.held.values()];
  }

  async adopt(attachments: readonly Attachment[]): Promise<AdoptReport> {
    const going = new Set(attachments.map(({ podId }) => podId));
    for (const podId of [...this.held.keys()]) if (!going.has(podId)) await this.detach(podId);
    for (const attachment of attachments) this.held.set(attachment.podId, attachment);
    return { lost: [], problems: [] };
  }

  async close(): Promise<void> {}
}
