import { KraudError } from '@kraud/base';

/** Reads one value that a guest sent; what it isn't is `corrupt` and named by where it stood. */
export type Reader<T> = (value: unknown, at: string) => T;

type Read<R> = R extends Reader<infer T> ? T : never;

function corrupt(at: string, words: string): KraudError {
  return new KraudError('corrupt', `the guest agent sent no valid answer: ${at} is not ${words}`);
}

export const text =
  (charsMax: number): Reader<string> =>
  (value, at) => {
    if (typeof value !== 'string' || value.length > charsMax)
      throw corrupt(at, `a text of at most ${charsMax} characters`);
    return value;
  };

export const whole =
  (min: number, max = Number.MAX_SAFE_INTEGER): Reader<number> =>
  (value, at) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw corrupt(at, `a whole number from ${min} to ${max}`);
    return value as number;
  };

/** A count that may have grown past what a number holds exactly. */
export const count: Reader<number> = (value, at) => {
  if (!Number.isFinite(value) || (value as number) < 0) throw corrupt(at, 'a number from 0');
  return value as number;
};

export const flag: Reader<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw corrupt(at, 'true or false');
  return value;
};

export const oneOf =
  <const T extends string | number>(...known: readonly T[]): Reader<T> =>
  (value, at) => {
    if (!known.includes(value as T)) throw corrupt(at, `one of ${known.join(', ')}`);
    return value as T;
  };

const int64Max = 2n ** 63n - 1n;

/** A whole number in decimals, as 64-bit numbers come. */
export const decimal =
  (least: 'from 0' | 'signed'): Reader<string> =>
  (value, at) => {
    const written = typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined;
    if (written === undefined || written > int64Max || (written < 0n && least === 'from 0'))
      throw corrupt(at, 'a 64-bit number in decimals');
    return String(written);
  };

export const orNull =
  <T>(read: Reader<T>): Reader<T | null> =>
  (value, at) =>
    value === null || value === undefined ? null : read(value, at);

export const list =
  <T>(itemsMax: number, read: Reader<T>): Reader<T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length > itemsMax)
      throw corrupt(at, `a list of at most ${itemsMax} items`);
    return value.map((item, i) => read(item, `${at}[${i}]`));
  };

function objectOf(value: unknown, at: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(at, 'an object');
  return value;
}

export const numbers =
  (membersMax: number): Reader<Record<string, number>> =>
  (value, at) => {
    const entries = Object.entries(objectOf(value, at));
    if (entries.length > membersMax || entries.some(([name]) => !/^[a-z][a-z0-9_]{0,63}$/.test(name)))
      throw corrupt(at, `an object of at most ${membersMax} named numbers`);
    return Object.fromEntries(entries.map(([name, item]) => [name, count(item, `${at}.${name}`)]));
  };

/** An object with these members, and maybe those; what else there is isn't passed on. */
export const shape =
  <
    M extends Record<string, Reader<unknown>>,
    O extends Record<string, Reader<unknown>> = Record<never, never>,
  >(
    members: M,
    optional?: O,
  ): Reader<{ [K in keyof M]: Read<M[K]> } & { [K in keyof O]?: Read<O[K]> }> =>
  (value, at) => {
    const given = objectOf(value, at);
    const result: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(members))
      result[name] = read(own(given, name), `${at}.${name}`);
    for (const [name, read] of Object.entries(optional ?? {})) {
      const item = own(given, name);
      if (item !== undefined && item !== null) result[name] = read(item, `${at}.${name}`);
    }
    return result as { [K in keyof M]: Read<M[K]> } & { [K in keyof O]?: Read<O[K]> };
  };

const own = (object: object, name: string): unknown =>
  Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;

/** JSON text of this shape. */
export function parse<T>(json: string, what: string, read: Reader<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new KraudError('corrupt', `the guest agent sent no valid answer: ${what} is not JSON`, {
      cause: error,
    });
  }
  return read(value, what);
}
