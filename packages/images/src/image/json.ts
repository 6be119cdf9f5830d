import { KraudError } from '@kraud/base';

/** An object from a document that others wrote; every field is checked where it is taken. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function parseObject(bytes: Uint8Array | string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(
      typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    );
  } catch (error) {
    throw new KraudError('corrupt', `${what} is not valid JSON`, { cause: error });
  }
  return asObject(value, what);
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what, 'an object');
  return value as JsonObject;
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(what, 'a list');
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw wrong(what, 'a string');
  return value;
}

export function asCount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw wrong(what, 'a whole number of 0 or more');
  return value;
}

export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function wrong(what: string, expected: string): KraudError {
  return new KraudError('corrupt', `${what} is not ${expected}`);
}
