import { settleHostSources } from '../containers/draft/host-sources.ts';
import type { HostSource } from '../containers/draft/mounts.ts';
import type { HostPaths } from '../host-paths.ts';

/**
 * The host paths of a service. Tasks may run on any host: what is missing here may be there, and a task whose host lacks
 * it is rejected with the reason. What this host has is looked at, and what may be made (`CreateMountpoint`) is.
 */
export async function settleSources(sources: readonly HostSource[], paths: HostPaths): Promise<void> {
  const looked: HostSource[] = [];
  for (const source of sources) {
    if (source.make || (await paths.kindOf(source.path)) !== 'missing') looked.push(source);
  }
  await settleHostSources(looked, paths, async () => {});
}
