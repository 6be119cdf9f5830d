import { KraudError } from '@kraud/base';
import type { PlaceDraft, PodDraft } from '@kraud/cloud';
import type { CreateBody, EndpointBody, HostBody } from './body.ts';
import { linksOf } from './links.ts';

/** Docker's name for the default network is `bridge`; Kraud's is `default`. */
export function networksOf(body: CreateBody, host: HostBody): Pick<PodDraft, 'networks' | 'mac'> {
  const mode = host.NetworkMode ?? '';
  if (mode === 'host' || mode.startsWith('container:')) {
    throw new KraudError(
      'unsupported',
      `HostConfig.NetworkMode=${mode} is not supported: a pod shares no network namespace with the host or with other pods`,
    );
  }
  if (body.NetworkDisabled) return { networks: [] };
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (mode === 'none') {
    const [other] = endpoints.find(([ref]) => ref !== 'none') ?? [];
    if (other !== undefined) {
      throw new KraudError(
        'invalid',
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      );
    }
    if (host.Links?.length) throw new KraudError('invalid', 'links need a network, and there is none');
    return { networks: [] };
  }
  // `--network` names the first one; without it the first endpoint is, as with dockerd.
  const asked = mode === '' || mode === 'default' ? (endpoints[0]?.[0] ?? 'default') : mode;
  const first = refOf(asked);
  const own = endpoints.find(([ref]) => refOf(ref) === first)?.[1] ?? {};
  const others = endpoints.filter(([ref]) => refOf(ref) !== first);
  const mac = macOf([own.MacAddress, body.MacAddress, ...others.map(([, endpoint]) => endpoint.MacAddress)]);
  return {
    networks: [
      placeOf(first, withLinks(own, host)),
      ...others.map(([ref, endpoint]) => placeOf(refOf(ref), endpoint)),
    ],
    ...(mac === undefined ? {} : { mac }),
  };
}

export function placeOf(ref: string, endpoint: EndpointBody): PlaceDraft {
  // Any other name means nothing to Docker's own drivers either.
  const asked = Object.keys(endpoint.DriverOpts ?? {}).find((name) => name.startsWith('com.docker.network.'));
  if (asked !== undefined)
    throw new KraudError('unsupported', `DriverOpts ${asked} is not supported: networks have no drivers`);
  const ipv4 = endpoint.IPAMConfig?.IPv4Address;
  const links = linksOf(endpoint.Links ?? []);
  return {
    ref,
    aliases: endpoint.Aliases ?? [],
    ...(ipv4 ? { ipv4 } : {}),
    ...(links.length > 0 ? { links } : {}),
  };
}

/** `HostConfig.Links` are those of the first network; clients repeat them there for networks of users. */
const withLinks = (endpoint: EndpointBody, host: HostBody): EndpointBody =>
  endpoint.Links?.length || !host.Links ? endpoint : { ...endpoint, Links: host.Links };

/** Kraud's name for what Docker calls `bridge`; every other reference is the same. */
export const refOf = (ref: string): string => (ref === '' || ref === 'bridge' ? 'default' : ref);

/** A pod has one interface, and so one address of this kind. */
function macOf(asked: readonly (string | undefined)[]): string | undefined {
  const macs = asked.filter((mac): mac is string => mac !== undefined && mac !== '');
  for (const mac of macs) {
    if (!/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(mac)) {
      throw new KraudError('invalid', `invalid MAC address: ${mac}`);
    }
  }
  const [first, second] = new Set(macs.map((mac) => mac.toLowerCase().replaceAll('-', ':')));
  if (second !== undefined) {
    throw new KraudError(
      'unsupported',
      `MacAddress ${second} is not supported: a pod has one interface, and ${first} is its address`,
    );
  }
  return first;
}
