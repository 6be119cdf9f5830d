import type { Constraint, Host, Taint, Toleration } from '../model/index.ts';
import type { Misfit } from './contract.ts';

/** What a constraint or a topology can speak of. Undefined: the host doesn't have it. */
export function factOf(host: Host, key: string): string | undefined {
  switch (key) {
    case 'kr.host':
      return host.meta.name;
    case 'kr.role':
      return host.spec.manager === true ? 'manager' : 'worker';
    case 'kr.os':
      return 'linux';
    case 'kr.arch':
      return host.status.architecture;
    default:
      return host.meta.labels[key];
  }
}

export function satisfies(host: Host, constraint: Constraint): boolean {
  const fact = factOf(host, constraint.key);
  const { op, values } = constraint;
  switch (op) {
    case 'in':
      return fact !== undefined && values.includes(fact);
    case 'not-in':
      return fact === undefined || !values.includes(fact);
    case 'exists':
      return fact !== undefined;
    case 'absent':
      return fact === undefined;
    case 'greater':
      return fact !== undefined && fact !== '' && Number(fact) > Number(values[0]);
    case 'less':
      return fact !== undefined && fact !== '' && Number(fact) < Number(values[0]);
  }
}

/** `kr.zone=a`, `kr.zone in a, b`, `no label gpu`: as the constraint would be said aloud. */
export function constraintText({ key, op, values }: Constraint): string {
  switch (op) {
    case 'in':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in ${values.join(', ')}`;
    case 'not-in':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} not in ${values.join(', ')}`;
    case 'exists':
      return `with ${key}`;
    case 'absent':
      return `without ${key}`;
    case 'greater':
      return `${key}>${values[0]}`;
    case 'less':
      return `${key}<${values[0]}`;
  }
}

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(
    ({ key, value, effect }) =>
      (key === undefined || key === taint.key) &&
      (value === undefined || value === taint.value) &&
      (effect === undefined || effect === taint.effect),
  );
}

/** Where a pod may be as far as the host itself goes, whatever else runs there. */
export interface HostWish {
  readonly constraints: readonly Constraint[];
  readonly tolerations: readonly Toleration[];
}

/** The first rule that keeps such pods from the host, its load aside. */
export function hostMisfit(host: Host, wish: HostWish): Misfit | undefined {
  if (!host.status.ready) return { rule: 'ready', why: 'not ready' };
  if (host.spec.drained) return { rule: 'drained', why: 'drained' };
  if (host.spec.cordoned) return { rule: 'cordoned', why: 'cordoned' };
  return placementMisfit(host, wish);
}

/** The same for a host that is open to all: whether a pod may be there at all. */
export function placementMisfit(host: Host, wish: HostWish): Misfit | undefined {
  for (const constraint of wish.constraints) {
    if (!satisfies(host, constraint)) return { rule: 'constraint', why: `not ${constraintText(constraint)}` };
  }
  for (const taint of host.spec.taints ?? []) {
    if (taint.effect === 'prefer-no-schedule' || tolerates(wish.tolerations, taint)) continue;
    return { rule: 'taint', why: `tainted ${taint.key}${taint.value === '' ? '' : `=${taint.value}`}` };
  }
  return undefined;
}
