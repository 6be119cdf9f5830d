/** One way to authenticate that a registry offers. Keys of `parameters` are lower case. */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Reads `WWW-Authenticate`. Schemes that nobody here speaks are left out.
 *
 * | header                                           | challenge                         |
 * | ------------------------------------------------ | --------------------------------- |
 * | `Basic realm="Registry"`                         | basic, realm = Registry           |
 * | `Bearer realm="https://a/t",service="s",scope="x y"` | bearer, three parameters      |
 */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const token = "[\\w!#$%&'*+.^`|~-]+";
  const pattern = new RegExp(
    `\\s*,?\\s*(?:(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))|(${token}))`,
    'y',
  );
  for (let match = pattern.exec(header ?? ''); match; match = pattern.exec(header ?? '')) {
    const [, key, quoted, plain, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    const last = challenges.at(-1);
    if (key !== undefined && last)
      last.parameters[key.toLowerCase()] =
        quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1');
  }
  return challenges.filter((each): each is Challenge => each.scheme === 'basic' || each.scheme === 'bearer');
}
