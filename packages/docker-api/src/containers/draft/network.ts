import { KraudError } from '@kraud/base';
import type { PodDraft } from '@kraud/cloud';
import type { CreateBody, HostBody } from './body.ts';

/** Docker's name for the default network is `bridge`; Kraud's is `default`. */
export function networkOf(body: CreateBody, host: HostBody): PodDraft['network'] {
  const mode = host.NetworkMode ?? '';
  if (mode === 'host' || mode.startsWith('container:')) {
    throw new KraudError(
      'unsupported',
      `HostConfig.NetworkMode=${mode} is not supported: a pod shares no network namespace with the host or with other pods`,
    );
  }
  const name = isDefault(mode) ? 'default' : mode;
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (endpoints.length > 1) {
    throw new KraudError(
      'unsupported',
      'NetworkingConfig.EndpointsConfig with several networks is not supported',
    );
  }
  const [key, endpoint] = endpoints[0] ?? [];
  if (key !== undefined && (isDefault(key) ? 'default' : key) !== name) {
    if (name !== 'default' || mode !== '') {
      throw new KraudError(
        'unsupported',
        `NetworkingConfig.EndpointsConfig["${key}"] is not supported: a pod is on one network, and HostConfig.NetworkMode is ${mode || 'default'}`,
      );
    }
  }
  const mac = endpoint?.MacAddress || body.MacAddress;
  if (mac !== undefined && !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(mac)) {
    throw new KraudError('invalid', `invalid MAC address: ${mac}`);
  }
  const ipv4 = endpoint?.IPAMConfig?.IPv4Address;
  return {
    name: key !== undefined && mode === '' && !isDefault(key) ? key : name,
    ...(mac ? { mac: mac.toLowerCase().replaceAll('-', ':') } : {}),
    ...(ipv4 ? { ipv4 } : {}),
  };
}

const isDefault = (name: string): boolean => name === '' || name === 'default' || name === 'bridge';
