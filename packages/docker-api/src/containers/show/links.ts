import type { Pod } from '@kraud/cloud';

/** The links of a pod over the default network, which Docker shows at both ends. */
const linksOf = (pod: Pod): { alias: string; to: string }[] =>
  pod.spec.networks.find(({ name }) => name === 'default')?.links ?? [];

/** `/db:/web/store` for each pod that is there. */
export function shownLinks(pod: Pod, podOf: (uid: string) => Pod | undefined): string[] | null {
  const shown = linksOf(pod).flatMap(({ alias, to }) => {
    const target = podOf(to);
    return target ? [`/${target.meta.name}:/${pod.meta.name}/${alias}`] : [];
  });
  return shown.length > 0 ? shown : null;
}

/** What others call each pod, `/web/store`, by its uid. */
export function namesByLinks(pods: readonly Pod[]): ReadonlyMap<string, string[]> {
  const names = new Map<string, string[]>();
  for (const pod of pods) {
    for (const { alias, to } of linksOf(pod)) {
      names.set(to, [...(names.get(to) ?? []), `/${pod.meta.name}/${alias}`]);
    }
  }
  return names;
}
