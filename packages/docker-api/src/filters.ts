import { KraudError } from '@kraud/base';

/**
 * The `filters` parameter: values by name; a thing must match one value of every name. Both of Docker's encodings
 * are read: `{"label":{"a=b":true}}` and the older `{"label":["a=b"]}`.
 */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  private constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Names that are not `known` are refused, so that nothing is filtered by less than was asked for. */
  static parse(text: string, known: readonly string[]): Filters {
    const values = new Map<string, readonly string[]>();
    if (text === '') return new Filters(values);
    let decoded: unknown;
    try {
      decoded = JSON.parse(text);
    } catch {
      throw new KraudError('invalid', 'invalid filter');
    }
    if (decoded === null) return new Filters(values);
    if (typeof decoded !== 'object' || Array.isArray(decoded))
      throw new KraudError('invalid', 'invalid filter');
    for (const [name, item] of Object.entries(decoded)) {
      if (!known.includes(name)) throw new KraudError('invalid', `invalid filter '${name}'`);
      values.set(name, valuesOf(name, item));
    }
    return new Filters(values);
  }

  has(name: string): boolean {
    return this.get(name).length > 0;
  }

  get(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** True if the name wasn't given, or one of its values is equal to one of these. */
  exact(name: string, ...actual: readonly string[]): boolean {
    const wanted = this.get(name);
    return wanted.length === 0 || wanted.some((value) => actual.includes(value));
  }

  some(name: string, matches: (value: string) => boolean): boolean {
    const wanted = this.get(name);
    return wanted.length === 0 || wanted.some(matches);
  }

  /** One truth value; undefined when the name wasn't given. */
  flag(name: string): boolean | undefined {
    const [value, ...more] = this.get(name);
    if (value === undefined) return undefined;
    if (more.length > 0)
      throw new KraudError('invalid', `invalid filter '${name}=[${[value, ...more].join(' ')}]'`);
    if (['1', 't', 'true'].includes(value.toLowerCase())) return true;
    if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
    throw new KraudError('invalid', `invalid filter '${name}=${value}'`);
  }

  /** Refuses values that aren't known, in dockerd's words. */
  oneOf(name: string, known: readonly string[]): void {
    for (const value of this.get(name)) {
      if (!known.includes(value)) throw new KraudError('invalid', `invalid filter '${name}=${value}'`);
    }
  }

  /** `label` (all of them must be there) and `label!` (none of them may), each `name` or `name=value`. */
  labels(actual: Readonly<Record<string, string>>, filter = 'label'): boolean {
    const holds = (value: string): boolean => {
      const at = value.indexOf('=');
      const name = at < 0 ? value : value.slice(0, at);
      return Object.hasOwn(actual, name) && (at < 0 || actual[name] === value.slice(at + 1));
    };
    return this.get(filter).every(holds) && !this.get(`${filter}!`).some(holds);
  }
}

function valuesOf(name: string, item: unknown): string[] {
  if (Array.isArray(item) && item.every((value) => typeof value === 'string')) return item;
  if (typeof item === 'object' && item !== null && !Array.isArray(item)) {
    return Object.entries(item).flatMap(([value, on]) => (on === true ? [value] : []));
  }
  throw new KraudError('invalid', `invalid filter '${name}'`);
}

/**
 * A `name` filter as dockerd reads it: a regular expression, looked for anywhere. Ours can backtrack, so what could
 * take more than quadratic time is refused: repeated groups, and more than two open-ended repetitions.
 */
export function nameMatcher(pattern: string): (name: string) => boolean {
  if (/^[\w.-]*$/.test(pattern) && !pattern.includes('.')) return (name) => name.includes(pattern);
  const repetitions = pattern.match(/[*+]|\{\d*,\d*\}/g)?.length ?? 0;
  if (pattern.length > 255 || repetitions > 2 || /\)[*+{]|\\\d/.test(pattern)) {
    throw new KraudError(
      'unsupported',
      `filter name='${pattern.slice(0, 100)}' is not supported: too costly a pattern`,
    );
  }
  try {
    const regexp = new RegExp(pattern);
    return (name) => regexp.test(name);
  } catch {
    return (name) => name === pattern;
  }
}
