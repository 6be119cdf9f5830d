import { KraudError } from '@kraud/base';
import type { ImageView, Network, Pod } from '@kraud/cloud';
import { type Filters, nameMatcher } from '../filters.ts';
import { inFull } from '../image-names.ts';
import { isTask } from '../tasks/labels.ts';
import { mainOf } from './show/given.ts';
import { exposedOf, portList, shownName } from './show/networks.ts';
import { statusOf } from './show/state.ts';

export const listFilterNames: readonly string[] = [
  'ancestor',
  'before',
  'expose',
  'exited',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'label!',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const healths = ['starting', 'healthy', 'unhealthy', 'none'];

/** All of `ps`'s filters as one predicate. Wrong values are refused before anything is compared. */
export function matcherOf(
  filters: Filters,
  pods: readonly Pod[],
  images: ReadonlyMap<string, ImageView>,
  networks: readonly Network[],
  find: (ref: string) => Promise<Pod>,
): (pod: Pod) => Promise<boolean> {
  for (const status of filters.get('status')) refuseOther('status', status, statuses);
  for (const health of filters.get('health')) refuseOther('health', health, healths);
  for (const code of filters.get('exited')) {
    if (!/^-?\d+$/.test(code)) throw new KraudError('invalid', `invalid filter 'exited=${code}'`);
  }
  const names = filters.get('name').map((name) => nameMatcher(name));
  const ports = {
    publish: filters.get('publish').map(portRange),
    expose: filters.get('expose').map(portRange),
  };
  const asksForTask = filters.flag('is-task');
  const order = new Map(pods.map((pod, i) => [pod.meta.uid, i]));
  const edges = Promise.all(
    (['before', 'since'] as const).map(async (name) => Promise.all(filters.get(name).map(find))),
  );
  edges.catch(() => {});
  const exposed = (pod: Pod): string[] => exposedOf(pod, images.get(mainOf(pod).spec.image.id)?.facts);

  return async (pod) => {
    const [before = [], since = []] = await edges;
    const at = order.get(pod.meta.uid) ?? 0;
    const { status } = mainOf(pod);
    const health = mainOf(pod).spec.health ? (status?.health?.status ?? 'starting') : 'none';
    return (
      (names.length === 0 ||
        names.some((matches) => matches(pod.meta.name) || matches(`/${pod.meta.name}`))) &&
      filters.some('id', (id) => pod.meta.uid.startsWith(id)) &&
      filters.exact('status', statusOf(pod)) &&
      filters.exact('health', health) &&
      (!filters.has('exited') || statusOf(pod) === 'exited') &&
      filters.exact('exited', String(status?.exitCode ?? 0)) &&
      filters.labels(pod.meta.labels) &&
      filters.some('ancestor', (ref) => descends(pod, ref, images)) &&
      filters.some('network', (ref) => isOn(pod, ref, networks)) &&
      filters.some('volume', (name) => usesVolume(pod, name)) &&
      filters.some('isolation', (value) => value === '' || value === 'default') &&
      (asksForTask === undefined || asksForTask === isTask(pod)) &&
      before.every((other) => at > (order.get(other.meta.uid) ?? 0)) &&
      since.every((other) => at < (order.get(other.meta.uid) ?? 0)) &&
      (ports.publish.length === 0 ||
        ports.publish.some((range) => hasPort(pod, exposed(pod), 'PublicPort', range))) &&
      (ports.expose.length === 0 ||
        ports.expose.some((range) => hasPort(pod, exposed(pod), 'PrivatePort', range)))
    );
  };
}

function refuseOther(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw new KraudError('invalid', `invalid filter '${name}=${value}'`);
}

function descends(pod: Pod, ref: string, images: ReadonlyMap<string, ImageView>): boolean {
  const { image } = mainOf(pod).spec;
  const hex = ref.replace(/^sha256:/, '');
  if (/^[0-9a-f]{4,64}$/.test(hex) && image.id.startsWith(`sha256:${hex}`)) return true;
  const full = inFull(ref);
  const spec = images.get(image.id)?.image.spec;
  return spec ? spec.tags.includes(full) || spec.digests.includes(full) : inFull(image.name) === full;
}

function usesVolume(pod: Pod, name: string): boolean {
  return mainOf(pod).spec.mounts.some(
    (mount) => mount.target === name || ('volume' in mount && mount.volume === name),
  );
}

interface PortRange {
  first: number;
  last: number;
  protocol: string;
}

function portRange(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text);
  if (!match) throw new KraudError('invalid', `invalid filter: '${text}' is not a port`);
  return { first: Number(match[1]), last: Number(match[2] ?? match[1]), protocol: match[3] ?? 'tcp' };
}

function hasPort(
  pod: Pod,
  exposed: readonly string[],
  which: 'PublicPort' | 'PrivatePort',
  range: PortRange,
): boolean {
  return portList(pod, exposed).some((port) => {
    const number = Number(port[which] ?? 0);
    return port.Type === range.protocol && number >= range.first && number <= range.last;
  });
}

/** By the name or the beginning of the id of a network, as dockerd. */
function isOn(pod: Pod, ref: string, networks: readonly Network[]): boolean {
  const names = pod.spec.networks.length === 0 ? ['none'] : pod.spec.networks.map(({ name }) => name);
  return names.some(
    (name) =>
      shownName(name) === ref ||
      name === ref ||
      networks.some(({ meta }) => meta.name === name && ref !== '' && meta.uid.startsWith(ref)),
  );
}
