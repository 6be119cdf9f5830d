import { KraudError } from '@kraud/base';
import { isUp, type Pod, type PodNetwork, restartStep } from '@kraud/macro';
import type { PlaceRequest } from '@kraud/network';
import type { HostParts } from '../parts.ts';

/** Digits of a uid that every pod is called by on its networks. */
export const shortUid = (uid: string): string => uid.slice(0, 12);

/** A pod that another one is linked to over the default network. */
interface Linked {
  readonly alias: string;
  readonly pod: Pod;
}

/** How long a start waits for what it is linked to, when that is on its way: after a restart of the host all start at once. */
const waitMs = 30_000;

/**
 * Those that are on this host. One that is there and neither runs nor is about to, or isn't on that network,
 * is a `conflict`, in Docker's words.
 */
export async function linkedPods(
  parts: Pick<HostParts, 'pods' | 'clock'>,
  pod: Pod,
  signal: AbortSignal,
): Promise<Linked[]> {
  const links = pod.spec.networks.find(({ name }) => name === 'default')?.links ?? [];
  await settled(
    parts,
    links.map(({ to }) => to),
    signal,
  );
  const linked: Linked[] = [];
  for (const { alias, to } of links) {
    const target = parts.pods.byUid(to);
    if (!target) continue;
    if (!isUp(target.status.phase)) {
      throw new KraudError(
        'conflict',
        `Cannot link to a non running container: /${target.meta.name} AS /${pod.meta.name}/${alias}`,
      );
    }
    if (!target.spec.networks.some(({ name }) => name === 'default')) {
      throw new KraudError(
        'conflict',
        `Cannot link to /${target.meta.name}, as it does not belong to the default network`,
      );
    }
    linked.push({ alias, pod: target });
  }
  return linked;
}

/** Resolves once none of them is on its way any more, or it has taken too long. */
async function settled(
  { pods, clock }: Pick<HostParts, 'pods' | 'clock'>,
  uids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const areComing = (): boolean =>
    uids.some((uid) => {
      const pod = pods.byUid(uid);
      return pod !== undefined && isComing(pod);
    });
  if (!areComing()) return;
  const over = new AbortController();
  const stop = pods.subscribe(() => {
    if (!areComing()) over.abort();
  });
  try {
    // What has changed before it was followed is not told.
    if (areComing()) await clock.sleep(waitMs, AbortSignal.any([signal, over.signal]));
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    stop();
  }
}

/** It doesn't run, and will without anyone's doing. */
function isComing(pod: Pod): boolean {
  const { phase, serial } = pod.status;
  if (isUp(phase)) return false;
  const asked = pod.spec.run.wanted === 'running' && pod.spec.run.serial > serial;
  return phase === 'starting' || phase === 'restarting' || asked || restartStep(pod).step === 'wait';
}

/** What the resolver is told: on the default network a linked pod goes by its own name and host name as well. */
export function linkNames(
  parts: Pick<HostParts, 'pods'>,
  { name, links = [] }: PodNetwork,
): NonNullable<PlaceRequest['links']> {
  if (name !== 'default') return links;
  return links.flatMap(({ alias, to: uid }) => {
    const target = parts.pods.byUid(uid);
    const names = new Set(target ? [alias, target.meta.name, target.spec.hostname] : [alias]);
    return [...names].map((one) => ({ alias: one, to: shortUid(uid) }));
  });
}

/**
 * The variables that tell a pod of those that it is linked to. For a pod `web` that calls `db` its `store`:
 *
 * | variable                 | value                 |
 * | ------------------------ | --------------------- |
 * | `STORE_NAME`             | `/web/store`          |
 * | `STORE_PORT`             | `tcp://10.0.0.2:5432` |
 * | `STORE_PORT_5432_TCP`    | `tcp://10.0.0.2:5432` |
 * | `STORE_PORT_5432_TCP_ADDR`, `_PORT`, `_PROTO` | `10.0.0.2`, `5432`, `tcp` |
 * | `STORE_ENV_A`            | that of the container's variable `A` |
 */
export function linkVariables(pod: Pod, linked: readonly Linked[]): string[] {
  return linked.flatMap(({ alias, pod: target }) => {
    const prefix = alias.toUpperCase().replaceAll('-', '_');
    const address = target.status.network?.addresses.find(({ network }) => network === 'default')?.ipv4;
    const lines = [`${prefix}_NAME=/${pod.meta.name}/${alias}`];
    const ports = [...(target.spec.exposed ?? [])].sort((a, b) => a.port - b.port);
    for (const [i, { port, protocol }] of address === undefined ? [] : ports.entries()) {
      const url = `${protocol}://${address}:${port}`;
      const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
      if (i === 0) lines.push(`${prefix}_PORT=${url}`);
      lines.push(
        `${name}=${url}`,
        `${name}_ADDR=${address}`,
        `${name}_PORT=${port}`,
        `${name}_PROTO=${protocol}`,
      );
    }
    for (const line of target.spec.containers[0]?.env ?? []) {
      if (line.includes('=') && !/^(HOME|PATH)=/.test(line)) lines.push(`${prefix}_ENV_${line}`);
    }
    return lines;
  });
}

/** A container's variables, and those of links that it doesn't set itself. */
export function withLinkVariables(env: readonly string[], variables: readonly string[]): string[] {
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? '';
  const own = new Set(env.map(nameOf));
  return [...env, ...variables.filter((line) => !own.has(nameOf(line)))];
}
