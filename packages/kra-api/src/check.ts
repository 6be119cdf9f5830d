import { KraudError } from '@kraud/base';
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

const validators = new WeakMap<TSchema, Validator>();

/** Refuses a value that the schema doesn't allow, naming the place. */
export function check(what: 'body' | 'query', schema: TSchema, value: unknown): void {
  let validator = validators.get(schema);
  if (!validator) {
    validator = Compile(schema);
    validators.set(schema, validator);
  }
  if (validator.Check(value)) return;
  const [first] = validator.Errors(value).sort((a, b) => b.instancePath.length - a.instancePath.length);
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  // A property that no schema allows meets the schema `false`.
  const fault = first?.keyword === 'boolean' ? 'is not known' : (first?.message ?? 'is invalid');
  throw new KraudError('invalid', `${what}${path === '' ? '' : ` '${path}'`} ${fault}`);
}
