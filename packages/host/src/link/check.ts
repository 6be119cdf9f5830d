import { KraudError } from '@kraud/base';
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

const validators = new WeakMap<TSchema, Validator>();

/** What another host sent, once it is what the schema says; otherwise `corrupt`. Compiled when first needed. */
export function check<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const validator = validators.get(schema) ?? Compile(schema);
  validators.set(schema, validator);
  if (isValid<Static<S>>(validator, value)) return value;
  const [first] = validator.Errors(value);
  const path = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  throw new KraudError(
    'corrupt',
    `another host sent what it should not have: ${path} ${first?.message ?? ''}`.trimEnd(),
  );
}

function isValid<T>(validator: Validator, value: unknown): value is T {
  return validator.Check(value);
}

/** The JSON of a message; `corrupt` when it is none. */
export function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new KraudError('corrupt', 'another host sent what is not JSON', { cause });
  }
}
