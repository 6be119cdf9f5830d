import { KraudError } from '@kraud/base';
import { mainOf } from '../containers/show/given.ts';
import { statusOf, statusText } from '../containers/show/state.ts';
import { imageSummary } from '../images/show.ts';
import { type Operation, yes } from '../operation.ts';
import { isoToUnix } from '../times.ts';
import { volumeOf } from '../volumes/show.ts';

const types = ['container', 'image', 'volume', 'build-cache'];

export const systemDf: Operation = {
  method: 'GET',
  path: '/system/df',
  params: { type: yes('list', 'container, image, volume, build-cache'), verbose: yes('flag') },
  async run({ system }, call) {
    const wanted = call.query.list('type');
    for (const type of wanted) {
      if (!types.includes(type))
        throw new KraudError('invalid', `unknown object type: ${type.slice(0, 100)}`);
    }
    const wants = (type: string): boolean => wanted.length === 0 || wanted.includes(type);
    const usage = await system.usage(call.caller);
    const nowMs = call.serving.clock.now();
    call.json(200, {
      ...(wants('image')
        ? {
            LayersSize: usage.layersBytes,
            Images: usage.images.map(({ view, sharedBytes, users }) =>
              imageSummary(view, call.minor, { containers: users, sharedBytes }),
            ),
          }
        : {}),
      ...(wants('container')
        ? {
            Containers: usage.pods.map(({ pod, writableBytes, rootBytes }) => ({
              Id: pod.meta.uid,
              Names: [`/${pod.meta.name}`],
              Image: mainOf(pod).spec.image.name,
              ImageID: mainOf(pod).spec.image.id,
              Command: mainOf(pod).spec.args.join(' '),
              Created: isoToUnix(pod.meta.createdAt),
              SizeRw: writableBytes,
              SizeRootFs: rootBytes + writableBytes,
              Labels: pod.meta.labels,
              State: statusOf(pod),
              Status: statusText(pod, nowMs),
              Mounts: mainOf(pod).spec.mounts.flatMap((mount) =>
                mount.type === 'volume'
                  ? [{ Type: 'volume', Name: mount.volume, Destination: mount.target }]
                  : [],
              ),
            })),
          }
        : {}),
      ...(wants('volume') ? { Volumes: usage.volumes.map((view) => volumeOf(view, { usage: true })) } : {}),
      ...(wants('build-cache') ? { BuildCache: [] } : {}),
      ...(call.minor < 42 ? { BuilderSize: 0 } : {}),
    });
  },
};
