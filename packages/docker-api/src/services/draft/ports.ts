import { KraudError } from '@kraud/base';
import type { Endpoint, PublishedPort } from '@kraud/cloud';
import type { EndpointSpecBody, PortBody } from '../body.ts';

const portMax = 65_535;

/** One address for the service, or those of its tasks. */
export function endpointOf({ Mode: mode }: EndpointSpecBody = {}): Endpoint {
  return mode === 'dnsrr' ? 'pods' : 'virtual';
}

/** Ports of a service. Ingress ports lead in at every node, host ports at the node of each task. */
export function portsOf(body: EndpointSpecBody = {}): PublishedPort[] {
  const mode = body.Mode || 'vip';
  if (mode !== 'vip' && mode !== 'dnsrr') throw new KraudError('invalid', `invalid endpoint mode: ${mode}`);
  return (body.Ports ?? []).map((port) => {
    const published = portOf(port);
    if (mode === 'dnsrr' && published.mode === 'ingress') {
      throw new KraudError(
        'invalid',
        "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
      );
    }
    return published;
  });
}

function portOf(port: PortBody): PublishedPort {
  const protocol = port.Protocol || 'tcp';
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw new KraudError(
      'unsupported',
      `EndpointSpec.Ports protocol ${protocol} is not supported: tcp and udp are`,
    );
  }
  const mode = port.PublishMode || 'ingress';
  if (mode !== 'ingress' && mode !== 'host') throw new KraudError('invalid', `invalid publish mode: ${mode}`);
  const podPort = port.TargetPort ?? 0;
  const hostPort = port.PublishedPort ?? 0;
  if (podPort < 1 || podPort > portMax) throw new KraudError('invalid', `invalid target port: ${podPort}`);
  if (hostPort < 0 || hostPort > portMax)
    throw new KraudError('invalid', `invalid published port: ${hostPort}`);
  return { protocol, podPort, hostIp: '', hostPort, mode };
}
