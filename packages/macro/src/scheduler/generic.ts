import type { GenericResource, Host } from '../model/index.ts';
import type { Misfit } from './contract.ts';
import { genericLabel } from './demand.ts';
import type { Placed } from './fleet.ts';

/** What a label says there is; `names` when it says which. */
export function offeredBy(host: Host, kind: string): { count: number; names: readonly string[] } {
  const text = host.meta.labels[genericLabel(kind)] ?? '';
  if (/^\d{1,9}$/.test(text)) return { count: Number(text), names: [] };
  const names = text.split(',').filter((name) => name !== '');
  return { count: names.length, names };
}

/** The first that the host has too little of, beside what the pods on it have. Pods of no band leave for it. */
export function genericMisfit(
  wanted: readonly GenericResource[],
  host: Host,
  company: Iterable<Placed>,
): Misfit | undefined {
  if (wanted.length === 0) return undefined;
  const taken = [...company].flatMap(({ demand }) => demand.generic);
  for (const [at, { kind, name }] of wanted.entries()) {
    const offered = offeredBy(host, kind);
    const ofKind = (other: GenericResource): boolean => other.kind === kind;
    const before = [...taken, ...wanted.slice(0, at + 1)].filter(ofKind);
    const lacks = { rule: 'generic', why: `lacks ${kind}${name === undefined ? '' : ` ${name}`}` } as const;
    if (before.reduce((sum, { count }) => sum + count, 0) > offered.count) return lacks;
    if (name === undefined) continue;
    if (!offered.names.includes(name) || before.filter((other) => other.name === name).length > 1)
      return lacks;
  }
  return undefined;
}
