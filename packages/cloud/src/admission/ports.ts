import { KraudError } from '@kraud/base';
import type { PodSpec, PublishedPort } from '@kraud/macro';
import type { PodDraft } from '../contract.ts';
import type { PodLimits } from '../limits.ts';

type Exposed = NonNullable<PodSpec['exposed']>;

const keyOf = (protocol: string, port: number): string => `${port}/${protocol}`;

/** The draft's, then those of the image that it doesn't have. There may be as many as there are ports. */
export function resolveExposed(draft: Pick<PodDraft, 'exposed'>, imageExposed: readonly string[]): Exposed {
  const exposed = new Map<string, Exposed[number]>();
  const add = (one: Exposed[number]): void => {
    const key = keyOf(one.protocol, one.port);
    if (!exposed.has(key)) exposed.set(key, one);
  };
  for (const one of draft.exposed) add(one);
  for (const text of imageExposed) {
    const [port, protocol] = text.split('/');
    add({ port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp' });
  }
  return [...exposed.values()];
}

/** Those that were asked for, and with `publishAll` the other exposed ones, on any free port. */
export function resolvePorts(
  draft: Pick<PodDraft, 'ports' | 'publishAll'>,
  exposed: Exposed,
): PublishedPort[] {
  if (!draft.publishAll) return [...draft.ports];
  const taken = new Set(draft.ports.map(({ protocol, podPort }) => keyOf(protocol, podPort)));
  const others = exposed.filter(({ protocol, port }) => !taken.has(keyOf(protocol, port)));
  return [
    ...draft.ports,
    ...others.map(({ protocol, port }) => ({ protocol, podPort: port, hostIp: '', hostPort: 0 })),
  ];
}

/** Each is a socket of the host, and of a pod's every start. */
export function checkPortCount(
  ports: readonly PublishedPort[],
  { portsMax }: Pick<PodLimits, 'portsMax'>,
): void {
  if (ports.length <= portsMax) return;
  throw new KraudError(
    'invalid',
    `a container publishes at most ${portsMax} ports (pods.portsMax in the daemon's configuration), this one asks for ${ports.length}`,
  );
}
