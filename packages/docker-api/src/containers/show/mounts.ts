import type { Pod } from '@kraud/cloud';
import { mainOf } from './given.ts';

/** `Mounts` of inspect and list. A tmpfs of `--tmpfs` stands in `HostConfig.Tmpfs` only, as with dockerd. */
export function mountsOf(pod: Pod, mountpointOf: (volume: string) => string): Record<string, unknown>[] {
  return mainOf(pod).spec.mounts.flatMap((mount): Record<string, unknown>[] => {
    switch (mount.type) {
      case 'volume':
        return [
          {
            Type: 'volume',
            Name: mount.volume,
            Source: mountpointOf(mount.volume),
            Destination: mount.target,
            Driver: 'local',
            Mode: mount.readOnly ? 'ro' : 'z',
            RW: !mount.readOnly,
            Propagation: '',
          },
        ];
      case 'host':
        return [
          {
            Type: 'bind',
            Source: mount.source,
            Destination: mount.target,
            Mode: mount.readOnly ? 'ro' : '',
            RW: !mount.readOnly,
            Propagation: 'rprivate',
          },
        ];
      case 'socket':
        return [
          {
            Type: 'bind',
            Source: mount.source,
            Destination: mount.target,
            Mode: '',
            RW: true,
            Propagation: 'rprivate',
          },
        ];
      case 'tmpfs':
        return [
          { Type: 'tmpfs', Source: '', Destination: mount.target, Mode: '', RW: true, Propagation: '' },
        ];
      default:
        return [];
    }
  });
}
