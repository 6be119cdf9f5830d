import { createHash } from 'node:crypto';
import type { ImageFacts, Network, Pod, PublishedPort } from '@kraud/cloud';
import { givenBody } from './given.ts';

/** An endpoint has no life of its own here: its id follows from the pod's and the network's. */
export function endpointId(pod: Pod, network: string): string {
  return createHash('sha256').update(`endpoint ${pod.meta.uid} ${network}`).digest('hex');
}

/** Docker's name of a network. */
export const shownName = (name: string): string => (name === 'default' ? 'bridge' : name);

const idDigitsShown = 12;

/** As clients from this minor version on expect it; before, aliases told of the names that every container has, too. */
const givenAliasesFrom = 45;

export function networksOf(
  pod: Pod,
  networks: readonly Network[],
  minor = givenAliasesFrom,
): Record<string, Record<string, unknown>> {
  const given = givenBody(pod)?.NetworkingConfig?.EndpointsConfig ?? {};
  const idOf = (name: string): string => networks.find(({ meta }) => meta.name === name)?.meta.uid ?? '';
  const isNone = givenBody(pod)?.HostConfig?.NetworkMode === 'none';
  if (pod.spec.networks.length === 0 && isNone) return { none: { ...noEndpoint, NetworkID: idOf('none') } };
  return Object.fromEntries(
    pod.spec.networks.map(({ name, aliases, ipv4, links = [] }) => {
      const up = pod.status.network?.addresses.find(({ network }) => network === name);
      const shortId = pod.meta.uid.slice(0, idDigitsShown);
      const names = [...new Set([pod.meta.name, ...aliases, shortId])];
      const isOld = minor < givenAliasesFrom && name !== 'default';
      const known = isOld ? [...new Set([...aliases, shortId, pod.spec.hostname].filter(Boolean))] : aliases;
      const endpoint = {
        ...noEndpoint,
        IPAMConfig: given[shownName(name)]?.IPAMConfig ?? (ipv4 === undefined ? null : { IPv4Address: ipv4 }),
        DriverOpts: given[shownName(name)]?.DriverOpts ?? null,
        Links: name !== 'default' && links.length > 0 ? links.map(({ to, alias }) => `${to}:${alias}`) : null,
        Aliases: known.length > 0 ? known : null,
        MacAddress: up ? (pod.status.network?.mac ?? '') : (pod.spec.mac ?? ''),
        NetworkID: idOf(name),
        EndpointID: up ? endpointId(pod, name) : '',
        Gateway: up?.gateway ?? '',
        IPAddress: up?.ipv4 ?? '',
        IPPrefixLen: up?.prefix ?? 0,
        DNSNames: name === 'default' ? null : names,
      };
      return [shownName(name), endpoint];
    }),
  );
}

const noEndpoint = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: '',
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: '',
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

/** `NetworkSettings` of inspect. */
export function networkSettingsOf(
  pod: Pod,
  known: readonly Network[],
  exposed: readonly string[],
  minor: number,
): Record<string, unknown> {
  const networks = networksOf(pod, known, minor);
  const main = networks.bridge;
  return {
    Bridge: '',
    SandboxID: pod.status.network ? endpointId(pod, '') : '',
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
