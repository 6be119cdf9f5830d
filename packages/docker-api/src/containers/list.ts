import { KraudError } from '@kraud/base';
import type { Caller, Cloud, ImageView, Pod } from '@kraud/cloud';
import type { Filters } from '../filters.ts';
import { Filters as Parsed } from '../filters.ts';
import { inFull } from '../image-names.ts';
import { filtersOf, type Operation, yes } from '../operation.ts';
import { withTaskLabels } from '../tasks/labels.ts';
import { isoToUnix } from '../times.ts';
import { listFilterNames, matcherOf } from './list-filters.ts';
import { givenBody, mainOf } from './show/given.ts';
import { networkMode } from './show/host-config.ts';
import { namesByLinks } from './show/links.ts';
import { mountsOf } from './show/mounts.ts';
import { exposedOf, networksOf, portList } from './show/networks.ts';
import { isRunning, statusOf, statusText } from './show/state.ts';

const annotationsFrom = 46;

export const listContainers: Operation = {
  method: 'GET',
  path: '/containers/json',
  params: {
    all: yes('flag'),
    limit: yes('number'),
    size: yes('flag'),
    filters: filtersOf(...listFilterNames),
  },
  async run(cloud, call) {
    const { caller, query } = call;
    const filters = Parsed.parse(query.text('filters'), listFilterNames);
    const limit = query.number('limit') ?? 0;
    const nowMs = call.serving.clock.now();
    const all = query.flag('all') || limit > 0 || asksForStopped(filters);
    const pods = newestFirst(await withTaskLabels(cloud, caller, await cloud.pods.list(caller)));
    const images = await imagesById(cloud, caller, pods.length > 0);
    const networks = await cloud.networks.list(caller);
    const matches = matcherOf(filters, pods, images, networks, (ref) => idOf(cloud, caller, ref));
    const chosen: Pod[] = [];
    for (const pod of pods) {
      if (limit > 0 && chosen.length >= limit) break;
      if ((all || isRunning(pod)) && (await matches(pod))) chosen.push(pod);
    }
    const linked = namesByLinks(pods);
    const sized = query.flag('size');
    const rows: Record<string, unknown>[] = [];
    for (const pod of chosen) {
      const size = sized ? await cloud.pods.size(caller, pod.meta.uid) : undefined;
      rows.push({
        ...summaryOf(pod, images, nowMs),
        HostConfig: hostConfigOf(pod, call.minor),
        Names: [`/${pod.meta.name}`, ...(linked.get(pod.meta.uid) ?? [])],
        NetworkSettings: { Networks: networksOf(pod, networks) },
        ...(size ? { SizeRw: size.writableBytes, SizeRootFs: size.rootBytes + size.writableBytes } : {}),
      });
    }
    call.json(200, rows);
  },
};

/** A filter on a state other than running looks at all containers, as with dockerd. */
function asksForStopped(filters: Filters): boolean {
  return filters.has('status') || filters.has('exited');
}

function newestFirst(pods: readonly Pod[]): Pod[] {
  return [...pods].sort((a, b) =>
    a.meta.createdAt < b.meta.createdAt ? 1 : a.meta.createdAt > b.meta.createdAt ? -1 : 0,
  );
}

async function imagesById(cloud: Cloud, caller: Caller, needed: boolean): Promise<Map<string, ImageView>> {
  const views = needed ? await cloud.images.list(caller) : [];
  return new Map(views.map((view) => [view.image.spec.id, view]));
}

async function idOf(cloud: Cloud, caller: Caller, ref: string): Promise<Pod> {
  try {
    return await cloud.pods.get(caller, ref);
  } catch (error) {
    if (error instanceof KraudError && error.code === 'not-found') {
      throw new KraudError('not-found', `No such container: ${ref}`);
    }
    throw error;
  }
}

function summaryOf(pod: Pod, images: ReadonlyMap<string, ImageView>, nowMs: number): Record<string, unknown> {
  const { spec } = mainOf(pod);
  return {
    Id: pod.meta.uid,
    Image: shownImage(spec.image, images),
    ImageID: spec.image.id,
    Command: commandText(spec.args),
    Created: isoToUnix(pod.meta.createdAt),
    Ports: portList(pod, exposedOf(pod, images.get(spec.image.id)?.facts)),
    Labels: pod.meta.labels,
    State: statusOf(pod),
    Status: statusText(pod, nowMs),
    Mounts: mountsOf(pod, () => ''),
  };
}

function hostConfigOf(pod: Pod, minor: number): Record<string, unknown> {
  const annotations = givenBody(pod)?.HostConfig?.Annotations ?? {};
  const shown = minor >= annotationsFrom && Object.keys(annotations).length > 0;
  return { NetworkMode: networkMode(pod), ...(shown ? { Annotations: annotations } : {}) };
}

/** The name as given, or the id once that name means another image. */
function shownImage(image: { name: string; id: string }, images: ReadonlyMap<string, ImageView>): string {
  // A service's image is pinned: its tag says what it is called, its digest which one it is.
  const full = inFull(image.name.replace(/(:[\w.-]+)@sha256:[0-9a-f]{64}$/, '$1'));
  const view = images.get(image.id);
  if (!view || view.image.spec.tags.includes(full) || view.image.spec.digests.includes(full))
    return image.name;
  return image.id.includes(image.name.replace(/^sha256:/, '')) ? image.name : image.id;
}

function commandText(args: readonly string[]): string {
  const [first = '', ...rest] = args;
  return [first, ...rest.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}
