import type { VolumeView } from '@kraud/cloud';

export function volumeOf(
  view: VolumeView,
  options: { usage: boolean } = { usage: false },
): Record<string, unknown> {
  const { meta, spec } = view.volume;
  return {
    CreatedAt: meta.createdAt,
    Driver: spec.driver,
    Labels: meta.labels,
    Mountpoint: view.mountpoint,
    Name: meta.name,
    Options: Object.keys(spec.options).length > 0 ? spec.options : null,
    Scope: 'local',
    ...(options.usage ? { UsageData: { RefCount: view.users.length, Size: view.usedBytes } } : {}),
  };
}
