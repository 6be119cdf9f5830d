import { createHash } from 'node:crypto';
import type { ImageFacts, Network, Pod, PublishedPort } from '@kraud/cloud';
import { givenBody } from './given.ts';
import { networkMode } from './host-config.ts';

/** An endpoint has no life of its own here: its id follows from the pod's and the network's. */
export function endpointId(pod: Pod): string {
  return createHash('sha256').update(`endpoint ${pod.meta.uid} ${pod.spec.network.name}`).digest('hex');
}

export function networksOf(pod: Pod, network: Network | undefined): Record<string, Record<string, unknown>> {
  const up = pod.status.network;
  const given = Object.values(givenBody(pod)?.NetworkingConfig?.EndpointsConfig ?? {})[0];
  return {
    [networkMode(pod)]: {
      IPAMConfig: given?.IPAMConfig ?? null,
      Links: null,
      Aliases: null,
      MacAddress: up?.mac ?? pod.spec.network.mac ?? '',
      DriverOpts: null,
      GwPriority: 0,
      NetworkID: network?.meta.uid ?? '',
      EndpointID: up ? endpointId(pod) : '',
      Gateway: up?.gateway ?? '',
      IPAddress: up?.ipv4 ?? '',
      IPPrefixLen: up?.prefix ?? 0,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      DNSNames: null,
    },
  };
}

/** `NetworkSettings` of inspect. */
export function networkSettingsOf(
  pod: Pod,
  network: Network | undefined,
  exposed: readonly string[],
): Record<string, unknown> {
  const networks = networksOf(pod, network);
  const main = pod.spec.network.name === 'default' ? networks.bridge : undefined;
  return {
    Bridge: '',
    SandboxID: pod.status.network ? endpointId(pod) : '',
    SandboxKey: '',
    Ports: pod.status.network ? portMap(pod, exposed) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: main?.EndpointID ?? '',
    Gateway: main?.Gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: main?.IPAddress ?? '',
    IPPrefixLen: main?.IPPrefixLen ?? 0,
    IPv6Gateway: '',
    MacAddress: main?.MacAddress ?? '',
    Networks: networks,
  };
}

/** Ports that a container exposes, `80/tcp`: those that were asked for and its image's. */
export function exposedOf(pod: Pod, image: ImageFacts | undefined): string[] {
  const names = [...Object.keys(givenBody(pod)?.ExposedPorts ?? {}), ...(image?.config.exposedPorts ?? [])];
  return [...new Set(names.map((name) => (name.includes('/') ? name : `${name}/tcp`)))];
}

function portMap(
  pod: Pod,
  exposed: readonly string[],
): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const key of exposed) map[key] = null;
  for (const port of pod.status.network?.ports ?? []) {
    const key = `${port.podPort}/${port.protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: shownIp(port), HostPort: String(port.hostPort) }];
  }
  return map;
}

const shownIp = (port: PublishedPort): string => port.hostIp || '0.0.0.0';

/** `Ports` of the list. */
export function portList(pod: Pod, exposed: readonly string[]): Record<string, unknown>[] {
  const published = pod.status.network?.ports ?? [];
  const only = exposed.flatMap((key) => {
    const [port, protocol = 'tcp'] = key.split('/');
    const taken = published.some((p) => p.podPort === Number(port) && p.protocol === protocol);
    return taken || !pod.status.network ? [] : [{ PrivatePort: Number(port), Type: protocol }];
  });
  return [
    ...published.map((port) => ({
      IP: shownIp(port),
      PrivatePort: port.podPort,
      PublicPort: port.hostPort,
      Type: port.protocol,
    })),
    ...only,
  ];
}
