import { KraudError } from '@kraud/base';
import { Compile, type Validator } from 'typebox/compile';
import { checkName } from './keys.ts';
import { type Kind, type Kinds, kindNames, schemas } from './kinds.ts';

const validators = new Map<Kind, Validator>();

/** Compiled when it is first needed: a start pays for no kind that it doesn't use. */
function validatorOf(kind: Kind): Validator {
  const known = validators.get(kind);
  if (known) return known;
  const made: Validator = Compile(schemas[kind]);
  validators.set(kind, made);
  return made;
}

/** Compiles every schema ahead of need, a turn for each, so that the first write of a kind doesn't wait for it. */
export async function compileSchemas(): Promise<void> {
  for (const kind of kindNames) {
    validatorOf(kind);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Refuses a resource that isn't what its kind's schema says, with the path to what is wrong. */
export function validate<K extends Kind>(kind: K, resource: Kinds[K]): void {
  checkName(kind, resource.meta);
  const validator = validatorOf(kind);
  const valid: boolean = validator.Check(resource);
  if (valid) return;
  const [first] = validator.Errors(resource).sort((a, b) => depthOf(b) - depthOf(a));
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  throw new KraudError('invalid', `${kind} ${resource.meta.name}: ${path} ${first?.message ?? 'is invalid'}`);
}

/** The deepest error names what is wrong; the ones above it only that something below is. */
function depthOf(error: { instancePath: string }): number {
  return error.instancePath.split('/').length;
}

/** The JSON that is stored. The revision is the store's own and stays out of it. */
export function encode<K extends Kind>(resource: Kinds[K]): string {
  const { revision: _, ...meta } = resource.meta;
  return JSON.stringify({ ...resource, meta });
}

/** The resource of a stored value, with its revision; frozen, since every reader shares it. */
export function decode<K extends Kind>(kind: K, value: string, revision: number): Kinds[K] {
  const resource: unknown = JSON.parse(value);
  if (!isOfKind(kind, resource)) throw new KraudError('corrupt', `what is stored is not a ${kind}`);
  resource.meta.revision = revision;
  return deepFreeze(resource);
}

function isOfKind<K extends Kind>(kind: K, value: unknown): value is Kinds[K] {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
