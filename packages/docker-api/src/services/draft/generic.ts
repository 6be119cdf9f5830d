import { KraudError } from '@kraud/base';
import type { GenericResource } from '@kraud/cloud';

const kindPattern = /^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]{0,48}[a-zA-Z0-9])?$/;
const namePattern = /^[^,\s]{1,200}$/;

/**
 * | item                                                  | is                                      |
 * | ----------------------------------------------------- | --------------------------------------- |
 * | `{DiscreteResourceSpec: {Kind: 'gpu', Value: 2}}`     | two of the kind                         |
 * | `{NamedResourceSpec: {Kind: 'gpu', Value: 'UUID1'}}`  | that one                                |
 */
export function genericOf(given: unknown): GenericResource[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw invalid('must be a list');
  return given.map((item: unknown) => {
    const { DiscreteResourceSpec: discrete, NamedResourceSpec: named } = isRecord(item) ? item : {};
    if (isRecord(discrete) && named === undefined) {
      const { Value: count = 0 } = discrete;
      if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) {
        throw invalid('of a discrete resource there must be one at least');
      }
      return { kind: kindOf(discrete), count };
    }
    if (!isRecord(named) || discrete !== undefined) throw invalid('each is either discrete or named');
    const { Value: name } = named;
    if (typeof name !== 'string' || !namePattern.test(name)) throw invalid('a named resource needs a name');
    return { kind: kindOf(named), count: 1, name };
  });
}

/** As Swarm tells a task: `DOCKER_RESOURCE_GPU=2`, or the names. */
export function genericEnv(generic: readonly GenericResource[]): string[] {
  const byKind = Map.groupBy(generic, ({ kind }) => kind);
  return [...byKind].map(([kind, all]) => {
    const names = all.flatMap(({ name }) => name ?? []);
    const count = all.reduce((sum, each) => sum + each.count, 0);
    return `DOCKER_RESOURCE_${kind.toUpperCase()}=${names.length > 0 ? names.join(',') : count}`;
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same as clients read it. */
export function shownGeneric(generic: readonly GenericResource[]): Record<string, unknown>[] {
  return generic.map(({ kind, count, name }) =>
    name === undefined
      ? { DiscreteResourceSpec: { Kind: kind, Value: count } }
      : { NamedResourceSpec: { Kind: kind, Value: name } },
  );
}

function kindOf({ Kind: kind }: Record<string, unknown>): string {
  if (typeof kind === 'string' && kindPattern.test(kind)) return kind;
  throw invalid('a kind is letters, digits, dots, dashes and underscores');
}

const invalid = (why: string): KraudError => new KraudError('invalid', `invalid GenericResources: ${why}`);
