import type { Support } from '../operation.ts';

/** JSON types that a leaf of a body may have. `command` is a string or a list of strings, `any` isn't looked at. */
export type LeafType =
  | 'string'
  | 'int'
  | 'number'
  | 'bool'
  | 'strings'
  | 'labels'
  | 'set'
  | 'command'
  | 'ints'
  | 'any';

/**
 * One option of a JSON body. `path` names it as users know it; `[]` goes into a list, `{}` into a map:
 * `HostConfig.PortBindings{}[].HostPort`.
 */
export interface BodyRow {
  readonly path: string;
  readonly type: LeafType;
  readonly support: Support;
  readonly note?: string;
  /** A value that asks for something; tests set it and look whether it is honoured or refused. */
  readonly sample: unknown;
  /** Values of a refused option that ask for nothing, besides the type's zero. */
  readonly neutral?: readonly unknown[];
  /** Kept and shown in inspect; there is nothing to do for it. */
  readonly kept?: boolean;
  /** Taken out of the body, with a warning that ends so: what dockerd does with limits that its kernel lacks. */
  readonly discarded?: string;
  /** A value that isn't written so is `invalid`, whether it is supported or not: `invalid IPC mode`, or a text with `{}` for it. */
  readonly form?: { readonly pattern: RegExp; readonly otherwise: string };
}

type More = Pick<BodyRow, 'note' | 'neutral' | 'kept' | 'discarded' | 'form'>;

export const row = (
  support: Support,
  path: string,
  type: LeafType,
  sample: unknown,
  more: More = {},
): BodyRow => ({ path, type, support, sample, ...more });

/** True for what Go's decoder leaves out: null, zero, empty. */
export function isZero(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
