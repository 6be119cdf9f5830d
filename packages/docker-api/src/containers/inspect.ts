import { codeOf } from '@kraud/base';
import type { Caller, Cloud, Pod } from '@kraud/cloud';
import { type Operation, yes } from '../operation.ts';
import { withTaskLabels } from '../tasks/labels.ts';
import { configOf } from './show/config.ts';
import { mainOf } from './show/given.ts';
import { hostConfigOf } from './show/host-config.ts';
import { kraudOf } from './show/kraud.ts';
import { shownLinks } from './show/links.ts';
import { mountsOf } from './show/mounts.ts';
import { exposedOf, networkSettingsOf } from './show/networks.ts';
import { stateOf } from './show/state.ts';

export const inspectContainer: Operation = {
  method: 'GET',
  path: '/containers/:id/json',
  params: { size: yes('flag') },
  async run(cloud, call) {
    const pod = await cloud.pods.get(call.caller, call.param('id'));
    const size = call.query.flag('size') ? await cloud.pods.size(call.caller, pod.meta.uid) : undefined;
    call.json(200, {
      ...(await inspectOf(cloud, call.caller, pod, call.minor)),
      ...(size ? { SizeRw: size.writableBytes, SizeRootFs: size.rootBytes + size.writableBytes } : {}),
    });
  },
};

async function inspectOf(
  cloud: Cloud,
  caller: Caller,
  found: Pod,
  minor: number,
): Promise<Record<string, unknown>> {
  const [pod = found] = await withTaskLabels(cloud, caller, [found]);
  const { spec } = mainOf(pod);
  const [image, networks, mountpoints, pods] = await Promise.all([
    orNothing(cloud.images.get(caller, spec.image.id)),
    cloud.networks.list(caller),
    mountpointsOf(cloud, caller, pod),
    cloud.pods.list(caller),
  ]);
  return {
    Id: pod.meta.uid,
    Created: pod.meta.createdAt,
    Path: spec.args[0] ?? '',
    Args: spec.args.slice(1),
    State: stateOf(pod),
    Image: spec.image.id,
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${pod.meta.name}`,
    RestartCount: pod.status.restartCount,
    Driver: 'kraud',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: cloud.execs.listFor(pod.meta.uid).length > 0 ? cloud.execs.listFor(pod.meta.uid) : null,
    HostConfig: {
      ...hostConfigOf(pod),
      Links: shownLinks(pod, (uid) => pods.find(({ meta }) => meta.uid === uid)),
    },
    GraphDriver: { Data: null, Name: 'kraud' },
    Mounts: mountsOf(pod, (volume) => mountpoints.get(volume) ?? ''),
    Config: configOf(pod, image?.facts),
    NetworkSettings: networkSettingsOf(pod, networks, exposedOf(pod, image?.facts), minor),
    Kraud: kraudOf(pod),
  };
}

async function mountpointsOf(cloud: Cloud, caller: Caller, pod: Pod): Promise<Map<string, string>> {
  const mountpoints = new Map<string, string>();
  for (const mount of mainOf(pod).spec.mounts) {
    if (mount.type !== 'volume') continue;
    const view = await orNothing(cloud.volumes.get(caller, mount.volume));
    if (view) mountpoints.set(mount.volume, view.mountpoint);
  }
  return mountpoints;
}

/** Something that may have gone since the pod was made. */
async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'not-found') return undefined;
    throw error;
  }
}
