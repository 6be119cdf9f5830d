import { KraudError } from '@kraud/base';

/** Minor numbers: all of Docker's API versions that matter begin with 1. */
export const apiMinorMin = 24;
export const apiMinorMax = 51;
export const apiVersionMin = `1.${apiMinorMin}`;
export const apiVersionMax = `1.${apiMinorMax}`;

/**
 * Splits the optional version off a path.
 *
 * | path                    | minor | rest               |
 * | ----------------------- | ----- | ------------------ |
 * | `/v1.43/containers/json`| 43    | `/containers/json` |
 * | `/containers/json`      | 51    | `/containers/json` |
 * | `/v1.12/info`           | refused, too old   |    |
 */
export function splitVersion(path: string): { minor: number; rest: string } {
  const match = /^\/v(\d+)\.(\d+)(?=\/)/.exec(path);
  if (!match) return { minor: apiMinorMax, rest: path };
  const [prefix, major, minorText] = match;
  const minor = Number(minorText);
  const given = `${major}.${minorText}`;
  if (Number(major) < 1 || (major === '1' && minor < apiMinorMin)) {
    throw new KraudError(
      'invalid',
      `client version ${given} is too old. Minimum supported API version is ${apiVersionMin}, please upgrade your client to a newer version`,
    );
  }
  if (Number(major) > 1 || minor > apiMinorMax) {
    throw new KraudError(
      'invalid',
      `client version ${given} is too new. Maximum supported API version is ${apiVersionMax}`,
    );
  }
  return { minor, rest: path.slice(prefix.length) };
}
