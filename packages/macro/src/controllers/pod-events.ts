import type { Happening } from '../events/event-log.ts';
import type { Pod } from '../model/index.ts';
import type { Recorded } from './change-events.ts';

/** A pod's network and volumes, which it has from its start to its end. The network goes by its name. */
function joined(pod: Pod, network: string, volume: string): Happening[] {
  const { spec, meta } = pod;
  const container = meta.uid;
  const all: Happening[] = [];
  for (const { name } of spec.networks) {
    all.push({ type: 'network', action: network, actor: name, attributes: { container, name } });
  }
  for (const mount of spec.containers.flatMap((c) => c.mounts)) {
    if (mount.type !== 'volume') continue;
    const where = {
      destination: mount.target,
      driver: 'local',
      propagation: '',
      'read/write': String(!mount.readOnly),
    };
    const attributes = volume === 'mount' ? { container, ...where } : { container, driver: 'local' };
    all.push({ type: 'volume', action: volume, actor: mount.volume, attributes });
  }
  return all;
}

/** What a change of a pod means in Docker's words, in the order it happened. */
export function happenings(before: Pod | undefined, after: Pod | undefined): Happening[] {
  const pod = after ?? before;
  const [main] = pod?.spec.containers ?? [];
  if (!pod || !main) return [];
  const happened = (action: string, more: Record<string, string> = {}): Happening => ({
    type: 'container',
    action,
    actor: pod.meta.uid,
    attributes: { ...pod.meta.labels, image: main.image.name, name: pod.meta.name, ...more },
  });
  if (!after) return [happened('destroy')];
  const was = before?.status.containers.find((container) => container.name === main.name);
  const is = after.status.containers.find((container) => container.name === main.name);
  if (!is) return [];
  const all: Happening[] = [];
  if (is.startedAt !== undefined && is.startedAt !== was?.startedAt) {
    all.push(...joined(after, 'connect', 'mount'), happened('start'));
  }
  const health = is.health?.status;
  if (health !== undefined && health !== 'starting' && health !== was?.health?.status) {
    all.push(happened(`health_status: ${health}`));
  }
  if (is.finishedAt !== undefined && is.finishedAt !== was?.finishedAt && is.startedAt !== undefined) {
    if (is.oomKilled) all.push(happened('oom'));
    const durationMs = Date.parse(is.finishedAt) - Date.parse(is.startedAt);
    const execDuration = String(Math.max(0, Math.floor(durationMs / 1000)));
    all.push(happened('die', { exitCode: String(is.exitCode), execDuration }));
    all.push(...joined(after, 'disconnect', 'unmount'));
  }
  return all;
}

/** What pods do by themselves: start, die, oom, health, destroy. */
export const podEvents: Recorded<'Pod'> = { kind: 'Pod', cursor: '/cursor/pod-events', happenings };
