import { compactId, KraudError } from '@kraud/base';
import { freeIngressPort, ingressOwner, type PublishedPort, type Workload } from '@kraud/macro';

/**
 * The ports of a template with every ingress port decided. One that was chosen for the workload before is kept.
 *
 * | asked           | present         | becomes           |
 * | --------------- | --------------- | ----------------- |
 * | `8080` ingress  | –               | `8080`, if free   |
 * | any, ingress    | –               | the lowest free one |
 * | any, ingress    | `30001` for the same port of the pod | `30001` |
 * | any, host       | –               | stays open: the pod's host chooses |
 *
 * What is asked for by number is nobody else's to get, wherever it stands: clients give those without a number first.
 */
export function settlePorts(
  asked: readonly PublishedPort[],
  others: readonly Workload[],
  present: readonly PublishedPort[],
): PublishedPort[] {
  const settled: PublishedPort[] = [];
  const numbered = asked.filter(({ mode, hostPort }) => mode === 'ingress' && hostPort !== 0);
  const mine = (port: PublishedPort): boolean =>
    settled.some((other) => other.mode === 'ingress' && sameHostPort(other, port));
  for (const port of asked) {
    if (port.mode !== 'ingress') {
      settled.push(port);
      continue;
    }
    const chosen = port.hostPort === 0 ? choose(port, others, present, [...settled, ...numbered]) : port;
    const owner = ingressOwner(chosen, others);
    if (owner) {
      throw new KraudError(
        'invalid',
        `port '${chosen.hostPort}' is already in use by service '${owner.meta.name}' (${compactId(owner.meta.uid)}) as an ingress port`,
      );
    }
    if (mine(chosen)) {
      throw new KraudError(
        'invalid',
        `duplicate published ports provided: ${chosen.hostPort}/${chosen.protocol}`,
      );
    }
    settled.push(chosen);
  }
  return settled;
}

const sameHostPort = (a: PublishedPort, b: PublishedPort): boolean =>
  a.hostPort === b.hostPort && a.protocol === b.protocol;

function choose(
  port: PublishedPort,
  others: readonly Workload[],
  present: readonly PublishedPort[],
  gone: readonly PublishedPort[],
): PublishedPort {
  const isFree = (old: PublishedPort): boolean => !gone.some((other) => sameHostPort(other, old));
  const kept = present.find(
    (old) =>
      old.mode === 'ingress' && old.podPort === port.podPort && old.protocol === port.protocol && isFree(old),
  );
  if (kept) return { ...port, hostPort: kept.hostPort };
  const hostPort = freeIngressPort(port.protocol, others, gone);
  if (hostPort === undefined) throw new KraudError('exhausted', 'no ingress port is free');
  return { ...port, hostPort };
}
