import { createHash } from 'node:crypto';
import { previousKey, type Workload, type WorkloadRevision, type WorkloadSpec } from '../model/index.ts';

const hashDigits = 16;

/**
 * Equal for specs whose pods would be alike. What a facade was given, and the names of volumes that are each pod's own,
 * make no difference.
 */
export function revisionHash({ template, force }: Pick<WorkloadSpec, 'template' | 'force'>): string {
  const { given: _, spec, ...rest } = template;
  const containers = spec.containers.map((container) => ({
    ...container,
    mounts: container.mounts.map((mount) =>
      mount.type === 'volume' && mount.anonymous ? { ...mount, volume: '' } : mount,
    ),
  }));
  const text = canonical({ ...rest, spec: { ...spec, containers }, force });
  return createHash('sha256').update(text).digest('hex').slice(0, hashDigits);
}

/**
 * The revisions with the wanted one at the end. An older one that equals it moves there under a new number, so that
 * pods which still are of that kind need not be replaced, and yet the way back is told from the way there.
 */
export function keepRevisions(
  workload: Pick<Workload, 'spec' | 'status' | 'given'> & { meta: Pick<Workload['meta'], 'labels'> },
  nowMs: number,
): readonly [...WorkloadRevision[], WorkloadRevision] {
  const { spec, status } = workload;
  const { labels } = workload.meta;
  const { [previousKey]: _, ...given } = workload.given;
  const hash = revisionHash(spec);
  const last = status.revisions.at(-1);
  if (last?.hash === hash) return [...status.revisions.slice(0, -1), { ...last, spec, labels, given }];
  const older = status.revisions.filter((revision) => revision.hash !== hash);
  const createdAt = new Date(nowMs).toISOString();
  const wanted = { number: (last?.number ?? 0) + 1, hash, spec, labels, given, createdAt };
  return [...older.slice(Math.max(0, older.length - spec.revisionsKept)), wanted];
}

/** JSON with the members of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
