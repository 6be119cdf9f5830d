import type { PodAffinity } from '../model/index.ts';
import type { Placed } from './fleet.ts';

type Labels = Readonly<Record<string, string>>;
type Group = Map<string, Placed>;

/** Pods of a tenant that want to be far from certain others. */
interface Repellers {
  readonly term: PodAffinity;
  readonly placed: Group;
}

const none: ReadonlyMap<string, Placed> = new Map();

/** Who runs beside whom: placed pods by owner, by label, and by whom they keep away. */
export class Neighbours {
  readonly #byOwner = new Map<string, Group>();
  readonly #byLabel = new Map<string, Group>();
  /** Labels are only indexed once somebody asks for them. */
  readonly #indexed = new Set<string>();
  /** By the first label of those that are kept away. */
  readonly #repellers = new Map<string, Map<string, Repellers>>();

  add(placed: Placed): void {
    this.#change(placed, join);
  }

  delete(placed: Placed): void {
    this.#change(placed, leave);
  }

  ofOwner(uid: string): ReadonlyMap<string, Placed> {
    return this.#byOwner.get(uid) ?? none;
  }

  /** Pods of the tenant that have all these labels; `all` are the placed ones, for a label not asked for before. */
  matching(tenant: string, labels: Labels, all: Iterable<Placed>): Placed[] {
    const [key = ''] = Object.keys(labels);
    if (!this.#indexed.has(key)) {
      this.#indexed.add(key);
      for (const placed of all) join(this.#byLabel, labelKey(placed, key), placed);
    }
    const group = this.#byLabel.get(`${tenant}\0${key}\0${labels[key] ?? ''}`);
    if (!group) return [];
    return [...group.values()].filter((placed) => hasLabels(placed.demand.pod.meta.labels, labels));
  }

  /** What keeps pods with these labels away, and from where. */
  repellersOf(tenant: string, labels: Labels): Repellers[] {
    const found: Repellers[] = [];
    if (this.#repellers.size === 0) return found;
    const look = (key: string, value: string): void => {
      for (const group of this.#repellers.get(`${tenant}\0${key}\0${value}`)?.values() ?? [])
        if (hasLabels(labels, group.term.labels)) found.push(group);
    };
    look('', '');
    for (const key in labels) look(key, labels[key] ?? '');
    return found;
  }

  #change(placed: Placed, change: typeof join): void {
    const { owner, placement, pod } = placed.demand;
    if (owner !== undefined) change(this.#byOwner, owner, placed);
    for (const key of this.#indexed) change(this.#byLabel, labelKey(placed, key), placed);
    for (const term of placement.far) {
      if (!term.required) continue;
      const [label = ''] = Object.keys(term.labels);
      const at = `${pod.meta.tenant}\0${label}\0${term.labels[label] ?? ''}`;
      const groups = this.#repellers.get(at) ?? new Map<string, Repellers>();
      this.#repellers.set(at, groups);
      const key = JSON.stringify([term.topology, term.labels]);
      const group: Repellers = groups.get(key) ?? { term, placed: new Map() };
      if (change === join) {
        group.placed.set(placed.uid, placed);
        groups.set(key, group);
      } else {
        group.placed.delete(placed.uid);
        if (group.placed.size === 0) groups.delete(key);
        if (groups.size === 0) this.#repellers.delete(at);
      }
    }
  }
}

export function hasLabels(labels: Labels, wanted: Labels): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false;
  return true;
}

/** The label '' is what every pod has. Undefined: it doesn't have this one. */
function labelKey(placed: Placed, key: string): string | undefined {
  const { tenant, labels } = placed.demand.pod.meta;
  const value = key === '' ? '' : labels[key];
  return value === undefined ? undefined : `${tenant}\0${key}\0${value}`;
}

function join(groups: Map<string, Group>, key: string | undefined, placed: Placed): void {
  if (key === undefined) return;
  const group = groups.get(key);
  if (group) group.set(placed.uid, placed);
  else groups.set(key, new Map([[placed.uid, placed]]));
}

function leave(groups: Map<string, Group>, key: string | undefined, placed: Placed): void {
  if (key === undefined) return;
  const group = groups.get(key);
  group?.delete(placed.uid);
  if (group?.size === 0) groups.delete(key);
}
