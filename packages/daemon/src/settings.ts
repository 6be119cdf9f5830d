import { KraudError } from '@kraud/base';

/** A flat table of limits and defaults as a part exports it: names carry the unit. */
export type Settings = Readonly<Record<string, unknown>>;

/**
 * A part's defaults, overlaid by what the config file says. A field that the part doesn't have, or of another type,
 * is refused by name, so that a typing error never passes for a limit.
 */
export function overlay<T extends object>(section: string, defaults: T, given: unknown): T {
  if (given === undefined || given === null) return defaults;
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new KraudError('invalid', `config: '${section}' must be a table of settings`);
  }
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(defaults));
  for (const [name, value] of Object.entries(given)) {
    const present = result[name];
    const path = `${section}.${name}`;
    if (!(name in result)) {
      throw new KraudError(
        'invalid',
        `config: unknown setting '${path}' (known: ${Object.keys(defaults).join(', ')})`,
      );
    }
    if (Array.isArray(present)) {
      if (!Array.isArray(value) || !value.every((item) => typeof item === typeof (present[0] ?? ''))) {
        throw new KraudError('invalid', `config: '${path}' must be a list like ${JSON.stringify(present)}`);
      }
    } else if (typeof present === 'object' && present !== null) {
      result[name] = overlay(path, present, value);
      continue;
    } else if (typeof value !== typeof present) {
      throw new KraudError(
        'invalid',
        `config: '${path}' must be a ${typeof present}, not ${JSON.stringify(value)}`,
      );
    }
    if (typeof value === 'number' && (!Number.isFinite(value) || value < 0)) {
      throw new KraudError('invalid', `config: '${path}' must be a number from 0`);
    }
    result[name] = value;
  }
  return result as T;
}
