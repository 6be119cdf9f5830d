import { isDeepStrictEqual } from 'node:util';
import { KraudError } from '@kraud/base';
import { type BodyRow, isZero, type LeafType } from './rows.ts';
import type { Node } from './tree.ts';

export interface Checked {
  /** The body with field names as the table writes them and without nulls. */
  readonly body: Record<string, unknown>;
  /** Paths of fields that the table doesn't know. */
  readonly unknown: string[];
  /** What became of options that are discarded. */
  readonly warnings: string[];
}

type Found = Pick<Checked, 'unknown' | 'warnings'>;

const depthMax = 32;

/**
 * Holds a JSON body against its table: a wrong type is `invalid` and names the field, a refused option that asks for
 * something is `unsupported` and names it. Nothing is changed by then.
 */
export function checkBody(tree: Node, value: unknown): Checked {
  const found: Found = { unknown: [], warnings: [] };
  const body = visit(tree, value, '', found, 0);
  return { body: (body ?? {}) as Record<string, unknown>, ...found };
}

function visit(node: Node, value: unknown, path: string, found: Found, depth: number): unknown {
  if (value === null || value === undefined) return undefined;
  if (depth > depthMax) throw new KraudError('invalid', `invalid JSON: ${path} is nested too deeply`);
  if (node.kind === 'leaf') return leaf(node.row, value, path, found);
  if (node.kind === 'list') {
    if (!Array.isArray(value)) throw wrongType(path, 'a list');
    return value.map((item, i) => visit(node.of, item, `${path}[${i}]`, found, depth + 1) ?? {});
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw wrongType(path, 'an object');
  const result: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) {
    if (node.kind === 'map') {
      const inner = visit(node.of, item, `${path}["${key}"]`, found, depth + 1);
      result[key] = inner ?? (node.of.kind === 'list' ? [] : {});
      continue;
    }
    const field = node.fields.get(key.toLowerCase());
    const where = path === '' ? (field?.name ?? key) : `${path}.${field?.name ?? key}`;
    if (!field) {
      if (!isZero(item)) found.unknown.push(where);
      continue;
    }
    const inner = visit(field.node, item, where, found, depth + 1);
    if (inner !== undefined) result[field.name] = inner;
  }
  return { ...result };
}

function leaf(row: BodyRow, value: unknown, path: string, found: Found): unknown {
  if (!types[row.type].is(value)) throw wrongType(path, types[row.type].words);
  const { discarded, form } = row;
  if (form && typeof value === 'string' && value !== '' && !form.pattern.test(value)) {
    const text = form.otherwise.includes('{}') ? form.otherwise : `${form.otherwise}: {}`;
    throw new KraudError(
      'invalid',
      text.replace('{}', () => value.slice(0, 100)),
    );
  }
  if (discarded !== undefined) {
    if (!isZero(value) && !row.neutral?.includes(value))
      found.warnings.push(`${path} discarded: ${discarded}`);
    return undefined;
  }
  if (row.support !== 'refused' || isZero(value)) return row.type === 'labels' ? texts(value) : value;
  if (row.neutral?.some((neutral) => isDeepStrictEqual(neutral, value))) return value;
  throw new KraudError('unsupported', `${path} is not supported${row.note ? `: ${row.note}` : ''}`);
}

/** Go reads null as the empty string. */
function texts(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(value as object).map(([name, text]) => [name, text ?? '']));
}

const isString = (value: unknown): boolean => typeof value === 'string';
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const types: Record<LeafType, { is: (value: unknown) => boolean; words: string }> = {
  string: { is: isString, words: 'a string' },
  int: { is: Number.isSafeInteger, words: 'a whole number' },
  number: { is: (value) => Number.isFinite(value), words: 'a number' },
  bool: { is: (value) => typeof value === 'boolean', words: 'true or false' },
  strings: { is: (value) => Array.isArray(value) && value.every(isString), words: 'a list of strings' },
  ints: {
    is: (value) => Array.isArray(value) && value.every(Number.isSafeInteger),
    words: 'a list of numbers',
  },
  labels: {
    is: (value) => isObject(value) && Object.values(value).every((v) => v === null || isString(v)),
    words: 'an object of strings',
  },
  set: {
    is: (value) => isObject(value) && Object.values(value).every((v) => v === null || isObject(v)),
    words: 'an object whose values are {}',
  },
  command: {
    is: (value) => isString(value) || (Array.isArray(value) && value.every(isString)),
    words: 'a string or a list of strings',
  },
  any: { is: () => true, words: 'anything' },
};

function wrongType(path: string, words: string): KraudError {
  return new KraudError('invalid', `invalid JSON: ${path === '' ? 'the body' : path} must be ${words}`);
}
