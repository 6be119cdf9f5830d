import type { SeededRandom } from '@kraud/base';

// biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
export type HostileJson = any;

const scalars: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  -0,
  1.5,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 63),
  2 ** 64,
  '',
  'x',
  '0',
  '-1',
  'NaN',
  '..',
  '../../x',
  '/',
  '//a/../b',
  'a\0b',
  'a\nb',
  '\u001b[31m',
  '\ud800',
  '😀',
  '=',
  'A=',
  '=B',
  ':',
  'a:b:c:d',
  '%s%n',
  '__proto__',
  '9'.repeat(400),
  'x'.repeat(20_000),
];

/** Any value at all. */
export function rubbish(random: SeededRandom, depth = 0): HostileJson {
  const kind = random.below(depth > 3 ? 6 : 10);
  if (kind < 6) return scalars[random.below(scalars.length)];
  if (kind < 8) return Array.from({ length: random.below(4) }, () => rubbish(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length: random.below(4) }, () => [
      String(scalars[random.below(scalars.length)]),
      rubbish(random, depth + 1),
    ]),
  );
}

/** The same with one value, somewhere, exchanged for rubbish. */
export function spoil(json: HostileJson, random: SeededRandom): HostileJson {
  const keys = typeof json === 'object' && json !== null ? Object.keys(json) : [];
  const key = keys[random.below(keys.length)];
  if (key === undefined || random.below(6) === 0) {
    if (Array.isArray(json) && random.below(2) === 0) return [...json, ...json, rubbish(random)];
    return rubbish(random);
  }
  if (Array.isArray(json)) return json.map((item, i) => (String(i) === key ? spoil(item, random) : item));
  if (random.below(12) === 0) return { ...json, [String(scalars[random.below(scalars.length)])]: json[key] };
  return { ...json, [key]: spoil(json[key], random) };
}

/** As JSON, now and then of a kind that only a parser sees: a key twice, `__proto__`, numbers without end. */
export function written(json: HostileJson, random: SeededRandom): Buffer {
  const text = JSON.stringify(json) ?? 'null';
  const isObject = text.startsWith('{') && text.length > 2;
  switch (isObject ? random.below(14) : -1) {
    case 0:
      return Buffer.from(`{"__proto__":{"Image":"app","Cmd":["x"]},${text.slice(1)}`);
    case 1:
      return Buffer.from(`${text.slice(0, -1)},${text.slice(1)}`);
    case 2:
      return Buffer.from(text.replace(/:(\d+)/, ':1e999999'));
    case 3:
      return Buffer.from(text, 'utf16le');
    case 4:
      return Buffer.from(text).subarray(0, random.below(text.length));
    case 5:
      return Buffer.from(text.replace('"', '"\\ud800\\u0000'));
    default:
      return Buffer.from(text);
  }
}
