import type { Pod } from '@kraud/cloud';
import type { CreateBody } from '../draft/body.ts';
import { givenBody, mainOf } from './given.ts';

/**
 * `Mounts` of inspect and list. `Mode` is what stood behind a bind, `z` for any other volume that was asked for. A tmpfs of
 * `--tmpfs` stands in `HostConfig.Tmpfs` only, as with dockerd.
 */
export function mountsOf(pod: Pod, mountpointOf: (volume: string) => string): Record<string, unknown>[] {
  const given = givenBody(pod);
  const volumeMount = (name: string, target: string, readOnly: boolean): Record<string, unknown> => ({
    Type: 'volume',
    Name: name,
    Source: mountpointOf(name),
    Destination: target,
    Driver: 'local',
    Mode: modeOf(given, target) ?? (isAskedFor(given, target) ? 'z' : ''),
    RW: !readOnly,
    Propagation: '',
  });
  return mainOf(pod).spec.mounts.flatMap((mount): Record<string, unknown>[] => {
    const { target } = mount;
    switch (mount.type) {
      case 'volume':
        return [volumeMount(mount.volume, target, mount.readOnly)];
      case 'host':
      case 'socket':
        if (mount.type === 'host' && mount.volume !== undefined)
          return [{ ...volumeMount(mount.volume, target, mount.readOnly), Source: mount.source }];
        return [
          {
            Type: 'bind',
            Source: mount.source,
            Destination: target,
            Mode: modeOf(given, target) ?? '',
            RW: mount.type === 'socket' || !mount.readOnly,
            Propagation: propagationOf(given, target),
          },
        ];
      case 'tmpfs':
        if (mount.volume !== undefined) {
          return [volumeMount(mount.volume, target, mount.options.split(',').includes('ro'))];
        }
        if (given && !isMount(given, target)) return [];
        return [{ Type: 'tmpfs', Source: '', Destination: target, Mode: '', RW: true, Propagation: '' }];
      default:
        return [];
    }
  });
}

const same = (a: string, b: string): boolean => a.replace(/(.)\/+$/, '$1') === b.replace(/(.)\/+$/, '$1');

/** `ro,z` of `/src:/target:ro,z`. */
function modeOf(given: CreateBody | undefined, target: string): string | undefined {
  const parts = given?.HostConfig?.Binds?.map((bind) => bind.split(':'));
  return parts?.find(([, to]) => to !== undefined && same(to, target))?.[2];
}

/** As it was given: to a container `slave` and `private` are the same here. */
function propagationOf(given: CreateBody | undefined, target: string): string {
  const mount = given?.HostConfig?.Mounts?.find(({ Target }) => same(Target ?? '', target));
  const said = modeOf(given, target)
    ?.split(',')
    .find((option) => /^r?(private|slave)$/.test(option));
  return mount?.BindOptions?.Propagation || said || 'rprivate';
}

const isMount = (given: CreateBody | undefined, target: string): boolean =>
  given?.HostConfig?.Mounts?.some((mount) => same(mount.Target ?? '', target)) ?? false;

/** Other than by `-v /target` or by the image. */
function isAskedFor(given: CreateBody | undefined, target: string): boolean {
  const bound = given?.HostConfig?.Binds?.some(
    (bind) => bind.includes(':') && same(bind.split(':')[1] ?? '', target),
  );
  return given === undefined || bound === true || isMount(given, target);
}
