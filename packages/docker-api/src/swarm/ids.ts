import { compactId, KraudError, uidStartOf } from '@kraud/base';

interface Named {
  readonly meta: { readonly uid: string; readonly name: string };
}

/** What Docker's clients know a node, service or task by. */
export const swarmId = ({ meta }: Named): string => compactId(meta.uid);

/** The one that an id, a name or the beginning of an id stands for, in dockerd's order. */
export function pick<T extends Named>(things: readonly T[], ref: string, what: string): T {
  const start = uidStartOf(ref);
  const exact =
    things.find(({ meta }) => meta.uid === ref || (start !== undefined && meta.uid.startsWith(start))) ??
    things.find(({ meta }) => meta.name === ref);
  if (exact) return exact;
  const matches = ref === '' ? [] : things.filter((thing) => swarmId(thing).startsWith(ref));
  const [only] = matches;
  if (matches.length > 1) {
    throw new KraudError('invalid', `${what} ${ref} is ambiguous (${matches.length} matches found)`);
  }
  if (!only) throw new KraudError('not-found', `${what} ${ref} not found`);
  return only;
}
